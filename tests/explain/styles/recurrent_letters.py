import numpy as np

letters = "a small text about nothing"
alphabet = sorted(set(letters))
code_of = {c: i for i, c in enumerate(alphabet)}
n_letters, n_hidden, n_steps, rate = len(alphabet), 9, 6, 0.1

Wxh = np.random.randn(n_hidden, n_letters) * 0.2
Whh = np.random.randn(n_hidden, n_hidden) * 0.2
Why = np.random.randn(n_letters, n_hidden) * 0.2
bh = np.zeros((n_hidden, 1))
by = np.zeros((n_letters, 1))


def lossFun(inputs, targets, hprev):
    """Lists of letters' numbers in; the loss, the gradients and the last hidden state out."""
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((n_letters, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        scores = Why @ hs[t] + by
        ps[t] = np.exp(scores) / np.sum(np.exp(scores))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        draw = (1 - hs[t] ** 2) * dh
        dbh += draw
        dWxh += draw @ xs[t].T
        dWhh += draw @ hs[t - 1].T
        dhnext = Whh.T @ draw
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]


def sample(h, start, n):
    x = np.zeros((n_letters, 1))
    x[start] = 1
    found = []
    for _ in range(n):
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        p = np.exp(Why @ h + by)
        i = np.random.choice(n_letters, p=(p / p.sum()).ravel())
        x = np.zeros((n_letters, 1))
        x[i] = 1
        found.append(i)
    return found


n, p = 0, 0
memory = [np.zeros_like(w) for w in (Wxh, Whh, Why, bh, by)]
while n < 100000:
    if p + n_steps + 1 >= len(letters) or n == 0:
        hprev = np.zeros((n_hidden, 1))
        p = 0
    now = [code_of[c] for c in letters[p : p + n_steps]]
    then = [code_of[c] for c in letters[p + 1 : p + n_steps + 1]]
    loss, *gradients, hprev = lossFun(now, then, hprev)
    for w, g, m in zip((Wxh, Whh, Why, bh, by), gradients, memory):
        m += g * g
        w -= rate * g / np.sqrt(m + 1e-8)
    p += n_steps
    n += 1
