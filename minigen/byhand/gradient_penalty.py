"""The gradient penalty by hand: a gradient, its norm, and the gradient of that norm.

Gulrajani et al. (2017) bound the slope of the critic without clipping: a penalty on every slope that is not
1, at points between a real and a fake sample. The loss then contains ∂f/∂x, so the backward pass
differentiates a backward pass. No new rule is needed. Write ∂f/∂x out as a forward computation, name its
intermediate values, and apply the chain rule to them. Where φ' stood, φ'' appears.

The networks and the names are those of wgan.py.
"""

import numpy as np

from .functions import activation_by_name, sigmoid
from .gan import NAMES

FLOOR = 1e-12  # under the root: at v = 0 the norm has no gradient, and v / ‖v‖ would be 0/0


def wgan_gp_critic(p, x, z, alpha, *, lam, activation="leaky_relu"):
    """The critic's loss with the gradient penalty, and its gradients.

    x (N, D) real, z (N, Z) noise, alpha α (N, 1) in [0, 1], one for each pair of a real and a fake sample.

    Forward. The critic on real, fake and mixed samples:
        x̂ = α x_r + (1 − α) x_f            (N, D)      â = x̂ W1 + b1
    its slope at x̂, by ∂f/∂h = W2ᵀ, ∂h/∂a = φ'(a), ∂a/∂x = W1:
        q = φ'(â) ⊙ W2ᵀ                    (N, H)      ∂f/∂â
        v = q W1ᵀ                          (N, D)      ∂f/∂x̂
        ρ = (Σ_d v_d² + 1e-12)^½           (N, 1)      ‖∂f/∂x̂‖
        L = (1/N) Σ f_f − (1/N) Σ f_r + (λ/N) Σ (ρ − 1)²

    Backward through the penalty, line by line upwards. The square:
        gρ = (2λ/N) (ρ − 1)
    the norm, ∂ρ/∂v = v / ρ, the unit vector along the slope:
        gv = gρ v / ρ
    the slope v = q W1ᵀ, as in any dense layer:
        gq = gv W1                         W1 collects  gvᵀ q
    and q, which holds W2 and, inside φ', â:
                                           W2 collects  Σ_n (gq ⊙ φ'(â))ᵀ
        δâ = gq ⊙ W2ᵀ ⊙ φ''(â)
    â is a dense layer of x̂ again, so W1 is reached a second time, and b1 by this path alone:
                                           W1 collects  x̂ᵀ δâ,   b1 collects  Σ δâ.
    The leaky ReLU has φ'' = 0 and loses this last path; tanh does not. x̂ holds samples, not critic
    parameters: stop.

    Backward through the distance, as in wgan_critic, and everything collected:
        δf_r = −1/N                    δf_f = 1/N
        gW2  = h_rᵀ δf_r + h_fᵀ δf_f + Σ_n (gq ⊙ φ'(â))ᵀ
        gb2  = Σ δf_r + Σ δf_f = 0
        δa_r = δf_r W2ᵀ ⊙ φ'(a_r)      δa_f = δf_f W2ᵀ ⊙ φ'(a_f)
        gW1  = x_rᵀ δa_r + x_fᵀ δa_f + x̂ᵀ δâ + gvᵀ q
        gb1  = Σ δa_r + Σ δa_f + Σ δâ
    """
    phi, phi_slope, phi_curvature = activation_by_name(activation)
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"critic.{name}"] for name in NAMES)
    N = len(x)
    if len(z) != N or alpha.shape != (N, 1):
        raise ValueError(
            f"wgan_gp_critic: every real sample is mixed with one fake one, x is {x.shape}; "
            f"expected z ({N}, Z) and alpha ({N}, 1), got z {z.shape} and alpha {alpha.shape}"
        )

    s = np.tanh(z @ V1 + c1)  # (N, Z) -> (N, S)
    x_f = sigmoid(s @ V2 + c2)  # (N, S) -> (N, D)
    xhat = alpha * x + (1 - alpha) * x_f  # (N, D)
    a_r, a_f, ahat = x @ W1 + b1, x_f @ W1 + b1, xhat @ W1 + b1  # (N, D) -> (N, H), three times
    h_r, h_f = phi(a_r), phi(a_f)
    f_r, f_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N, H) -> (N, 1), twice
    q = phi_slope(ahat) * W2.T  # (N, H)
    v = q @ W1.T  # (N, H) -> (N, D)
    rho = ((v**2).sum(1, keepdims=True) + FLOOR) ** 0.5  # (N, D) -> (N, 1)
    loss = f_f.sum() / N - f_r.sum() / N + lam / N * ((rho - 1) ** 2).sum()

    grho = 2 * lam / N * (rho - 1)
    gv = grho * v / rho
    gq = gv @ W1  # (N, D) -> (N, H)
    dahat = gq * W2.T * phi_curvature(ahat)

    df_r, df_f = np.full_like(f_r, -1 / N), np.full_like(f_f, 1 / N)
    gW2 = h_r.T @ df_r + h_f.T @ df_f + (gq * phi_slope(ahat)).sum(0)[:, None]
    gb2 = df_r.sum(0) + df_f.sum(0)
    da_r = df_r @ W2.T * phi_slope(a_r)
    da_f = df_f @ W2.T * phi_slope(a_f)
    gW1 = x.T @ da_r + x_f.T @ da_f + xhat.T @ dahat + gv.T @ q
    gb1 = da_r.sum(0) + da_f.sum(0) + dahat.sum(0)
    return loss, {f"critic.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}
