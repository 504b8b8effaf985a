"""Transforms and recipes that rescale by averages of squared gradients."""

from tests.optim.case import REAL, Case

MASK = "{'w': False, 'b': True, 'wave': True}"
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"

TRANSFORMS = {
    # With b2 = 0.999, rho is a difference of numbers near 2000: float32 leaves it two digits, and jit other ones.
    "scale_by_radam": [
        Case("scale_by_radam()", tolerance=1e-3),
        "scale_by_radam(0.8, 0.9, 1e-3, 1e-4, 4.5, nesterov=True)",
        "scale_by_radam(b2=0.0)",
    ],
    "scale_by_amsgrad": [
        "scale_by_amsgrad()",
        "scale_by_amsgrad(0.8, 0.5, 1e-3, 1e-4, bias_correction_mu=False)",
        "scale_by_amsgrad(b2=0.5, bias_correction_nu=False)",
        Case("scale_by_amsgrad(mu_dtype=jnp.bfloat16)", REAL),
    ],
    "scale_by_belief": ["scale_by_belief()", "scale_by_belief(0.8, 0.9, 1e-3, 1e-4, nesterov=True)"],
    "scale_by_yogi": ["scale_by_yogi()", "scale_by_yogi(0.8, 0.9, 1e-2, 1e-4, 0.5)"],
    "scale_by_adamax": ["scale_by_adamax()", "scale_by_adamax(0.8, 0.5, 1e-3)"],
    "scale_by_rss": ["scale_by_rss()", "scale_by_rss(0.0, 1e-2)"],
    "scale_by_rms": [
        "scale_by_rms()",
        "scale_by_rms(0.8, 1e-2, 0.5, eps_in_sqrt=False)",
        "scale_by_rms(bias_correction=True)",
        "scale_by_rms(eps=1e-2, eps_in_sqrt=False, bias_correction=True)",
    ],
    # A large eps, since the first deviation from a corrected average is zero but for rounding.
    "scale_by_stddev": [
        "scale_by_stddev()",
        "scale_by_stddev(0.8, 1e-2, 0.5, eps_in_sqrt=False)",
        "scale_by_stddev(eps=1.0, bias_correction=True)",
    ],
    # Complex numbers: optax adds up g^2, not |g|^2.
    "scale_by_adadelta": [Case("scale_by_adadelta()", REAL), Case("scale_by_adadelta(0.5, 1e-2)", REAL)],
    "scale_by_adan": ["scale_by_adan()", "scale_by_adan(0.9, 0.5, 0.8, 1e-3, 1e-4)"],
    "scale_by_novograd": [
        "scale_by_novograd()",
        "scale_by_novograd(0.8, 0.5, 1e-3, 1e-4, 0.1)",
        Case("scale_by_novograd(mu_dtype=jnp.float32)", REAL),
    ],
}
RECIPES = {
    "nadam": ["nadam(0.1)", f"nadam({COSINE}, 0.8, 0.9, 1e-6, 1e-6, nesterov=False)"],
    "nadamw": ["nadamw(0.1)", f"nadamw({COSINE}, weight_decay=constant_schedule(0.1), mask={MASK})"],
    "radam": [Case("radam(0.1)", tolerance=1e-3), f"radam({COSINE}, 0.8, 0.9, 1e-6, 1e-6, 6.0, nesterov=True)"],
    "amsgrad": ["amsgrad(0.1)", f"amsgrad({COSINE}, 0.8, 0.9, 1e-6, 1e-6, None, False, False)"],
    "adabelief": ["adabelief(0.1)", f"adabelief({COSINE}, 0.8, 0.9, 1e-6, 1e-6, nesterov=True)"],
    "yogi": ["yogi(0.1)", f"yogi({COSINE}, 0.8, 0.9, 1e-6)"],
    "adamax": ["adamax(0.1)", f"adamax({COSINE}, 0.8, 0.9, 1e-6)"],
    "adamaxw": ["adamaxw(0.1)", f"adamaxw({COSINE}, 0.8, 0.9, 1e-6, constant_schedule(0.1), {MASK})"],
    "adagrad": ["adagrad(0.1)", f"adagrad({COSINE}, 0.5, 1e-3)"],
    "rmsprop": [
        "rmsprop(0.1)",
        f"rmsprop({COSINE}, 0.8, 1e-3, 0.5, False, momentum=0.9, nesterov=True, bias_correction=True)",
        "rmsprop(0.1, centered=True, momentum=0.9)",
    ],
    "adadelta": [Case("adadelta()", REAL), Case(f"adadelta({COSINE}, 0.5, 1e-3, 0.1, {MASK})", REAL)],
    "adan": ["adan(0.1)", f"adan({COSINE}, 0.9, 0.8, 0.7, 1e-6, 1e-6, constant_schedule(0.1), {MASK})"],
    "novograd": ["novograd(0.1)", f"novograd({COSINE}, 0.8, 0.5, 1e-3, 1e-4, 0.1)"],
}
