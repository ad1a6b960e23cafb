import numpy as np


class CharRNN:
    def __init__(self, vocab_size, hidden_size, seq_length):
        self.vocab_size, self.hidden_size, self.seq_length = vocab_size, hidden_size, seq_length
        self.U = np.random.uniform(-0.4, 0.4, (hidden_size, vocab_size))
        self.W = np.random.uniform(-0.4, 0.4, (hidden_size, hidden_size))
        self.V = np.random.uniform(-0.4, 0.4, (vocab_size, hidden_size))
        self.b = np.zeros((hidden_size, 1))
        self.c = np.zeros((vocab_size, 1))

    def forward(self, inputs, hprev):
        xs, hs, ycap = {}, {}, {}
        hs[-1] = np.copy(hprev)
        for t in range(len(inputs)):
            xs[t] = np.zeros((self.vocab_size, 1))
            xs[t][inputs[t]] = 1
            hs[t] = np.tanh(self.U @ xs[t] + self.W @ hs[t - 1] + self.b)
            o = self.V @ hs[t] + self.c
            ycap[t] = np.exp(o) / np.exp(o).sum()
        return xs, hs, ycap

    def loss(self, ps, targets):
        return sum(-np.log(ps[t][targets[t], 0]) for t in range(len(targets)))

    def backward(self, xs, hs, ps, targets):
        dU, dW, dV = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.V)
        db, dc = np.zeros_like(self.b), np.zeros_like(self.c)
        dhnext = np.zeros_like(hs[0])
        for t in reversed(range(len(targets))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dV += dy @ hs[t].T
            dc += dy
            dh = self.V.T @ dy + dhnext
            dhrec = (1 - hs[t] * hs[t]) * dh
            db += dhrec
            dU += dhrec @ xs[t].T
            dW += dhrec @ hs[t - 1].T
            dhnext = self.W.T @ dhrec
        for dparam in [dU, dW, dV, db, dc]:
            np.clip(dparam, -5, 5, out=dparam)
        return dU, dW, dV, db, dc

    def update_model(self, dU, dW, dV, db, dc, rate=0.1):
        for param, dparam in zip([self.U, self.W, self.V, self.b, self.c], [dU, dW, dV, db, dc]):
            param -= rate * dparam
