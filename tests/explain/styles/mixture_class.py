import numpy as np


class GaussianMixture:
    """Fitted by steps along the gradient of the log-likelihood, after Bishop (2006), section 9.2."""

    def __init__(self, n_components, n_iter=100, lr=0.05):
        self.n_components, self.n_iter, self.lr = n_components, n_iter, lr

    def _init_params(self, X):
        n, d = X.shape
        k = self.n_components
        self.logits = np.zeros(k)
        self.means = X[np.random.choice(n, k, replace=False)].copy()
        self.log_sigmas = np.zeros((k, d))

    def _log_prob(self, X):
        diff = X[:, None, :] - self.means[None]
        scaled = diff * np.exp(-self.log_sigmas)[None]
        log_pi = self.logits - np.log(np.sum(np.exp(self.logits)))
        each = -0.5 * np.sum(scaled**2, axis=2) - np.sum(self.log_sigmas, axis=1)
        return log_pi[None] + each - 0.5 * X.shape[1] * np.log(2 * np.pi)

    def _responsibilities(self, X):
        a = self._log_prob(X)
        a = a - a.max(axis=1, keepdims=True)
        e = np.exp(a)
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, X):
        """The mean negative log-likelihood."""
        a = self._log_prob(X)
        top = a.max(axis=1)
        return -np.mean(top + np.log(np.sum(np.exp(a - top[:, None]), axis=1)))

    def gradients(self, X):
        n = len(X)
        r = self._responsibilities(X)
        pi = np.exp(self.logits) / np.sum(np.exp(self.logits))
        inverse = np.exp(-2 * self.log_sigmas)
        diff = X[:, None, :] - self.means[None]
        d_logits = -(r.sum(axis=0) - n * pi) / n
        d_means = -np.sum(r[:, :, None] * diff * inverse[None], axis=0) / n
        d_log_sigmas = -np.sum(r[:, :, None] * (diff**2 * inverse[None] - 1), axis=0) / n
        return {"logits": d_logits, "means": d_means, "log_sigmas": d_log_sigmas}

    def fit(self, X):
        self._init_params(X)
        for _ in range(self.n_iter):
            for name, g in self.gradients(X).items():
                setattr(self, name, getattr(self, name) - self.lr * g)
        return self
