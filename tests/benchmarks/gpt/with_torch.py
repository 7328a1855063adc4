import torch
from torch import nn
from torch.nn import functional

TOKENS, LENGTH, WIDTH, HEADS, BLOCKS = 256, 64, 128, 4, 4


class Attention(nn.Module):
    """One matrix for query, key and value, and torch's fused kernel."""

    def __init__(self):
        super().__init__()
        self.packed, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):  # (batch, length, width)
        q, k, v = (
            self.packed(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        )  # (batch, heads, length, width / heads)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.attention, self.norm_2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        x = x + self.attention(self.norm_1(x))
        return x + self.down(functional.gelu(self.up(self.norm_2(x))))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(TOKENS, WIDTH), nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, TOKENS, bias=False)

    def forward(self, x):  # (batch, length)
        x = self.tokens(x) + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    @staticmethod
    def unpacked(weights):
        """unidl's names and layouts as this network's: three kernels become one, heads and their widths one axis."""
        found = dict(weights)
        for at in {name.rpartition("/")[0] for name in weights if "/attention/" in name}:
            parts = [
                [found.pop(f"{at}/{part}_{what}") for part in ("query", "key", "value")] for what in ("kernel", "bias")
            ]
            found[f"{at}/packed/kernel"] = torch.cat([torch.from_numpy(k).flatten(1) for k in parts[0]], 1).numpy()
            found[f"{at}/packed/bias"] = torch.cat([torch.from_numpy(b).flatten() for b in parts[1]]).numpy()
            found[f"{at}/out/kernel"] = found.pop(f"{at}/output_kernel").reshape(WIDTH, WIDTH)
            found[f"{at}/out/bias"] = found.pop(f"{at}/output_bias")
        return found


def loss(outputs, targets):
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
