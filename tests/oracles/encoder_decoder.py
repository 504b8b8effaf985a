"""The transformer of Vaswani et al., 2017, of one sentence, one head and one step at a time: slow and obvious."""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def norm(params, x, eps=1e-5):
    return params["scale"] * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) + params["shift"]


def dense(params, x):
    return x @ params["w"] + params["b"]


def positions(steps, width):
    """Equations of section 3.5."""
    table = np.zeros((steps, width))
    for t in range(steps):
        for i in range(width):
            angle = t / 10000 ** ((i - i % 2) / width)
            table[t, i] = np.cos(angle) if i % 2 else np.sin(angle)
    return table


def attend(q, k, v, heads, causal=False):
    y, width = np.zeros_like(q), q.shape[1] // heads
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        for t in range(len(q)):
            seen = t + 1 if causal else len(k)
            p = softmax(k[:seen, part] @ q[t, part] / np.sqrt(width))
            y[t, part] = p @ v[:seen, part]
    return y


def self_attention(params, x, heads, causal):
    q, k, v = np.split(dense(params["project"]["c_attn"], x), 3, 1)
    return dense(params["mix"]["c_proj"], attend(q, k, v, heads, causal))


def cross_attention(params, x, memory, heads):
    of_x, of_memory = params["project"]
    k, v = np.split(dense(of_memory, memory), 2, 1)
    return dense(params["mix"]["c_proj"], attend(dense(of_x["c_q"], x), k, v, heads))


def feed_forward(params, x):
    return dense(params["act"]["c_proj"], np.maximum(dense(params["c_fc"], x), 0))


def of_layer(params, number):
    return (
        {k: of_layer(v, number) for k, v in params.items()}
        if isinstance(params, dict)
        else (tuple(of_layer(v, number) for v in params) if isinstance(params, tuple) else params[number])
    )


def logits(params, source, inputs, layers, heads):
    """Post-norm, one table for both languages."""
    table = params["embedding"]["table"]
    width = table.shape[1]
    x = np.sqrt(width) * table[source] + positions(len(source), width)
    for number in range(layers):
        block = of_layer(params["encoder"]["blocks"], number)
        x = norm(block["ln_1"], x + self_attention(block["attn"], x, heads, causal=False))
        x = norm(block["ln_2"], x + feed_forward(block["mlp"], x))
    y = np.sqrt(width) * table[inputs] + positions(len(inputs), width)
    for number in range(layers):
        block = of_layer(params["decoder"]["blocks"], number)
        y = norm(block["ln_1"], y + self_attention(block["attn"], y, heads, causal=True))
        y = norm(block["ln_2"], y + cross_attention(block["cross"], y, x, heads))
        y = norm(block["ln_3"], y + feed_forward(block["mlp"], y))
    return y @ table.T
