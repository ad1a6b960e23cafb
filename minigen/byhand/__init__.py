"""Gradients derived by hand, written down in plain NumPy.

Every function here carries its derivation in its docstring, line by line, and the code below it is that
derivation again in the same symbols. Nothing is imported but NumPy, so this witness cannot agree with
the engine by sharing its mistakes. A layer is a function that returns its output and the function that
carries a gradient back:

    y, backward = dense(x, weight, bias)
    gx, gweight, gbias = backward(g)              # g = ∂L/∂y

A model is a function that returns its loss and the gradients of the player that is trained, by
parameter name:

    loss, grads = gan_discriminator(p, x, z)      # grads["discriminator.hidden.weight"], ...

Notation, everywhere: L the loss, g = ∂L/∂y the gradient that arrives from above, gx = ∂L/∂x the one
that is sent on, ⊙ the product entry by entry, ᵀ the transpose, Σ_n the sum over the N rows of the
batch. Losses sum over features and average over the batch.
"""
