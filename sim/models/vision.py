"""ResNet-18, a small ViT and the vision tower of CLIP ViT-B/32, built from the modules of the transformers library.

The library is an extra (`models`) and is imported where a model is made. What is made here has no dropout, so that it
is a pure function that vmap accepts, and no buffers but BatchNorm's, so that parameters and statistics are all of it.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate

from theory.errors import OnemergeError, require

ATTENTION = "onemerge"  # the name under which transformers finds `attention`
PATCHES = 8  # the ViT cuts every image into 8 × 8 patches
DEPTH = 6
VIT_HEAD = 16  # width of one attention head
CLIP_DEPTH = 12
CLIP_PATCH = 32
CLIP_HEAD = 64
CLIP_SOURCE = "openai/clip-vit-base-patch32"
WANTED = f"name a folder that holds {CLIP_SOURCE} (config.json and model.safetensors)"
POSITIONS = "position_embedding.weight"
SHAPE = (  # what must agree between a saved tower and the model in use; the side of the images need not
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "patch_size",
    "num_channels",
    "hidden_act",
    "layer_norm_eps",
)


def attention(module, query, key, value, attention_mask=None, scaling=1.0, **_):
    """softmax(scaling · Q Kᵀ) V for Q, K, V [n, heads, tokens, c], as [n, tokens, heads, c], and no attention maps.

    All in the precision of Q: the library's "eager" form takes every softmax in float32, which leaves a float64
    derivative six correct digits; its "sdpa" form has no batching rule on the CPU, so vmap would run it in turn.
    """
    weights = torch.softmax(query @ key.transpose(-1, -2) * scaling, dim=-1)
    return (weights @ value).transpose(1, 2).contiguous(), None


def library():
    """The transformers module, which knows `attention` by its name; an OnemergeError says how to install it."""
    try:
        import transformers
    except ImportError as error:
        raise OnemergeError(
            "The models resnet18, resnet18_imagenet, vit and clip_vit_b32 need the transformers library: "
            "pip install 'onemerge[models]'."
        ) from error
    transformers.AttentionInterface.register(ATTENTION, attention)
    return transformers


class Logits(nn.Module):
    """A classifier of the library as a function from images to a plain tensor of logits."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, x):
        return self.classifier(x).logits


def resnet18(channels, side, classes, width=64):
    """ResNet-18 (He et al. 2016) with the stem for small images: a 3×3 convolution of stride 1 and no pooling.

    Four stages of two basic blocks of width, 2·, 4· and 8·width channels; the last feature map has ⌈side/8⌉² pixels.
    11,173,962 parameters for 3 channels and 10 classes. Initial weights as He et al.: normal, fan-out.
    """
    model = resnet18_imagenet(channels, side, classes, width)
    stem = model.classifier.resnet.embedder
    stem.embedder.convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.embedder.convolution.weight, mode="fan_out", nonlinearity="relu")
    stem.pooler = nn.Identity()
    return model


def resnet18_imagenet(channels, side, classes, width=64):
    """ResNet-18 with the stem of ImageNet: a 7×7 convolution of stride 2, then max pooling of stride 2.

    The last feature map has ⌈side/32⌉² pixels. 11,689,512 parameters for 3 channels and 1000 classes.
    """
    transformers = library()
    config = transformers.ResNetConfig(
        num_channels=channels,
        num_labels=classes,
        embedding_size=width,
        hidden_sizes=[width, 2 * width, 4 * width, 8 * width],
        depths=[2, 2, 2, 2],
        layer_type="basic",
    )
    return Logits(transformers.ResNetForImageClassification(config))


def vit(channels, side, classes, width=64):
    """A vision transformer on 8 × 8 patches of side/8 pixels, CLS token and learned positions.

    6 layers of width/16 heads and an MLP of 4·width; 308,042 parameters for 3 × 32 × 32 images and 10 classes.
    """
    require(
        side >= PATCHES and side % PATCHES == 0,
        f"vit cuts an image into {PATCHES} × {PATCHES} patches: side must be a multiple of {PATCHES}, not {side}.",
    )
    require(
        width >= VIT_HEAD and width % VIT_HEAD == 0,
        f"width of vit must be a multiple of {VIT_HEAD} (one attention head), not {width}.",
    )
    transformers = library()
    config = transformers.ViTConfig(
        image_size=side,
        patch_size=side // PATCHES,
        num_channels=channels,
        num_labels=classes,
        hidden_size=width,
        num_hidden_layers=DEPTH,
        num_attention_heads=width // VIT_HEAD,
        intermediate_size=4 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation=ATTENTION,
    )
    return Logits(transformers.ViTForImageClassification(config))


class Positions(nn.Module):
    """All position embeddings [1 + patches, width]; the ids an embedding layer asks for are a buffer, and not kept."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, ids):
        return self.weight


class ClipClassifier(nn.Module):
    """CLIP's vision tower and a linear layer on its normalized CLS token: images → logits."""

    def __init__(self, tower, width, classes):
        super().__init__()
        self.tower = tower
        self.head = nn.Linear(width, classes)
        embeddings = embeddings_of(tower)
        embeddings.position_ids = None
        embeddings.position_embedding = Positions(embeddings.position_embedding.weight)

    def forward(self, x):
        return self.head(self.tower(x).pooler_output)


def embeddings_of(tower):
    """The embedding layer of a CLIPVisionModel, which version 4 of the library keeps one level deeper."""
    return getattr(tower, "vision_model", tower).embeddings


def clip_vit_b32(channels, side, classes, width=768):
    """The vision tower of CLIP ViT-B/32 (Radford et al. 2021) with random weights and a linear head on its CLS token.

    12 layers, width/64 heads, MLP of 4·width, patches of 32 pixels: 2 × 2 patches and CLS at 64 × 64. `clip_weights`
    gives the pretrained numbers of the tower.
    """
    require(
        side >= CLIP_PATCH and side % CLIP_PATCH == 0,
        f"clip_vit_b32 has patches of {CLIP_PATCH} pixels: side must be a multiple of {CLIP_PATCH}, not {side}.",
    )
    require(
        width >= CLIP_HEAD and width % CLIP_HEAD == 0,
        f"width of clip_vit_b32 must be a multiple of {CLIP_HEAD} (one attention head; 768 is CLIP's), not {width}.",
    )
    transformers = library()
    config = transformers.CLIPVisionConfig(
        image_size=side,
        patch_size=CLIP_PATCH,
        num_channels=channels,
        hidden_size=width,
        num_hidden_layers=CLIP_DEPTH,
        num_attention_heads=width // CLIP_HEAD,
        intermediate_size=4 * width,
        attention_dropout=0.0,
        attn_implementation=ATTENTION,
    )
    return ClipClassifier(transformers.CLIPVisionModel(config), width, classes)


def clip_weights(model, folder):
    """Pretrained {parameter name: tensor} of the tower of `model` (of `clip_vit_b32`, on any device, meta included).

    `folder` holds a CLIP as transformers saves it (config.json and weights, the whole model or its vision tower);
    nothing is downloaded. Position embeddings of its g × g patches are interpolated (bicubic) to the model's own grid,
    and trained there from then on. The head has no pretrained weights and is left out.
    Errors: a folder without a CLIP, or with one of another shape.
    """
    own, tower = model.tower.config, saved_tower(Path(folder).expanduser())
    for name in SHAPE:
        valid, value = getattr(own, name), getattr(tower.config, name)
        require(value == valid, f"The CLIP in {str(folder)!r} has {name} {value}, but the model in use {valid}.")
    found = {name: parameter.detach() for name, parameter in tower.named_parameters(prefix="tower")}
    names = [name for name, _ in model.named_parameters() if name in found]
    grid = own.image_size // own.patch_size
    return {name: regrid(found[name], grid) if name.endswith(POSITIONS) else found[name] for name in names}


def weights_digest(folder):
    """SHA-256 over the names and the contents of the files a CLIP is read from: what fixes the numbers of a run, as the
    folder's name does not. Errors: a folder without weights."""
    path = Path(folder).expanduser()
    files = sorted(file for pattern in ("config.json", "*.safetensors", "*.bin") for file in path.glob(pattern))
    require(len(files) > 1, f"{str(path)!r} holds no config.json with weights; {WANTED}.")
    return _digest(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache
def _digest(files):
    """Of ((path, size, time), ...), read again only where these have changed."""
    digest = hashlib.sha256()
    for file, _, _ in files:
        digest.update(file.name.encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def saved_tower(path):
    """The float32 CLIPVisionModel that the folder `path` holds, or an OnemergeError that says what to put there."""
    require((path / "config.json").is_file(), f"No config.json in {str(path)!r}; {WANTED}.")
    try:
        kind = json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type")
        require(kind in ("clip", "clip_vision_model"), f"{str(path)!r} holds a model of type {kind!r}; {WANTED}.")
        tower, loading = library().CLIPVisionModel.from_pretrained(
            path, local_files_only=True, output_loading_info=True
        )
    except OnemergeError:
        raise
    except Exception as error:  # the library raises many kinds for a file that is absent, cut short or of other shapes
        reason = " ".join(str(error).split())
        raise OnemergeError(f"Cannot read a CLIP from {str(path)!r} ({reason}); {WANTED}.") from error
    lost = sorted(loading["missing_keys"])
    require(not lost, f"{str(path)!r} lacks weights of its vision tower ({', '.join(lost)}); {WANTED}.")
    return tower.float()


def regrid(positions, grid):
    """Position embeddings [1 + g², width] of CLS and g × g patches, interpolated (bicubic) to [1 + grid², width]."""
    old = round((len(positions) - 1) ** 0.5)
    if old == grid:
        return positions
    patches = positions[1:].T.reshape(1, -1, old, old)
    return torch.cat([positions[:1], interpolate(patches, (grid, grid), mode="bicubic").flatten(2)[0].T])
