"""From a configuration as Hugging Face's ``config.json`` has it to every array of the model; nothing is built.

Defaults are those that the library transformers gives a key that is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.count.records import Inspection, Work
from holdfast.count.settings import Settings
from holdfast.count.shapes import images, transformers
from holdfast.count.shapes.parts import COUNTED, Part
from holdfast.errors import RequestError, nearest, shown

MOST_TOKENS = 4096
"""Work is counted for sequences as long as the model takes, but of no more tokens than this."""

BERT: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
GPT2: dict[str, Any] = {
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "n_inner": None,
    "activation_function": "gelu_new",
    "resid_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
    "layer_norm_epsilon": 1e-5,
    "initializer_range": 0.02,
    "tie_word_embeddings": True,
}
LLAMA: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": None,
    "head_dim": None,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "attention_dropout": 0.0,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "tie_word_embeddings": False,
}
MISTRAL = {
    **{key: value for key, value in LLAMA.items() if key not in {"attention_bias", "mlp_bias"}},
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "sliding_window": 4096,
}
MIXTRAL = {
    **{key: value for key, value in MISTRAL.items() if key != "sliding_window"},
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "rms_norm_eps": 1e-5,
    "router_aux_loss_coef": 0.001,
}
QWEN2 = {
    **{key: value for key, value in LLAMA.items() if key not in {"attention_bias", "mlp_bias"}},
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
}
QWEN3 = {**QWEN2, "head_dim": 128, "attention_bias": False}
VIT: dict[str, Any] = {
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "qkv_bias": True,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
RESNET: dict[str, Any] = {
    "num_channels": 3,
    "embedding_size": 64,
    "hidden_sizes": [256, 512, 1024, 2048],
    "depths": [3, 4, 6, 3],
    "layer_type": "bottleneck",
    "hidden_act": "relu",
}
EFFICIENTNET: dict[str, Any] = {
    "image_size": 600,
    "width_coefficient": 2.0,
    "depth_coefficient": 3.1,
    "dropout_rate": 0.5,
    "drop_connect_rate": 0.2,
    "hidden_act": "swish",
    "batch_norm_eps": 0.001,
    "batch_norm_momentum": 0.99,
}

HEADS: dict[str, transformers.Head] = {
    "Model": "pooler",
    "ForMaskedLM": "words",
    "ForPreTraining": "pretraining",
    "ForSequenceClassification": "classes",
    "ForTokenClassification": "tokens",
    "ForQuestionAnswering": "spans",
}
"""What follows a BERT, by the end of its class's name."""

Built = tuple[Part, str, tuple[str, ...]]
"""What a model is made of, what one example is, and further sentences."""


def from_config(config: Mapping[str, Any], target: str, recorded_in: str = "config.json") -> Inspection:
    """A model from its configuration.

    Args:
        config: as ``config.json`` has it, with a ``model_type``.
        target: what it is of, as sentences name it.
        recorded_in: where the values stand, for the column of hyperparameters.

    Raises:
        RequestError: for a kind of model that is not known, sizes that cannot be, or heads that do not divide.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(KINDS)
        hint = nearest(kind, KINDS) if isinstance(kind, str) else ""
        raise RequestError(
            f"the model_type of {target} is {shown(kind)}{hint}; known are {known}; inspect its safetensors files "
            "instead, which hold every shape"
        )
    defaults, build = KINDS[kind]
    settings = Settings(config, defaults, target, recorded_in)
    part, example, notes = build(settings, _class_name(config))
    return Inspection(
        target,
        f"configuration of {kind}",
        part.layers,
        settings.hyperparameters(),
        part.buffers,
        work=Work(example, part.flops, part.activations, COUNTED),
        notes=notes,
    )


def _bert(settings: Settings, made: str) -> Built:
    settings.divided("hidden_size", "num_attention_heads")
    shape = transformers.Encoder(
        settings.size("vocab_size"),
        settings.size("max_position_embeddings"),
        settings.size("type_vocab_size"),
        settings.size("hidden_size"),
        settings.depth("num_hidden_layers"),
        settings.size("num_attention_heads"),
        settings.size("intermediate_size"),
        _classes(settings.values, 2),
    )
    base = "bert" if settings.values["model_type"] == "bert" else "roberta"
    head = HEADS.get(_ending(made) or "Model")
    simple = base == "bert" or head not in {"classes", "pretraining"}  # those of RoBERTa are others
    tokens = min(shape.positions, MOST_TOKENS)
    part = transformers.encoder(shape, tokens, head if head and simple else "none", base)
    return part, _sequence(tokens), () if head and simple else (_headless(made),)


def _gpt2(settings: Settings, made: str) -> Built:
    settings.divided("n_embd", "n_head")
    width, positions = settings.size("n_embd"), settings.size("n_positions")
    inner, tokens = settings.optional("n_inner") or 4 * width, min(positions, MOST_TOKENS)
    part = transformers.gpt2(
        settings.size("vocab_size"),
        positions,
        width,
        settings.depth("n_layer"),
        settings.size("n_head"),
        inner,
        tokens,
        scores=made != "GPT2Model",
    )
    known = made in {"", "GPT2LMHeadModel", "GPT2Model"}
    return part, _sequence(tokens), () if known else (_headless(made),)


def _decoder(settings: Settings, made: str) -> Built:
    kind = settings.values["model_type"]
    heads = settings.size("num_attention_heads")
    head_width = settings.optional("head_dim") or settings.divided("hidden_size", "num_attention_heads")
    key_heads = settings.optional("num_key_value_heads") or heads
    if heads % key_heads:
        raise RequestError(
            f"num_attention_heads of {settings.target} is {heads}, which {key_heads} num_key_value_heads do not "
            "divide; make it a multiple"
        )
    experts = settings.size("num_local_experts", 4096) if kind == "mixtral" else 0
    active = settings.size("num_experts_per_tok", experts) if experts else 0
    general = "attention_bias" in settings.defaults and settings.flag("attention_bias")
    shape = transformers.Decoder(
        settings.size("vocab_size"),
        settings.size("hidden_size"),
        settings.depth("num_hidden_layers"),
        heads,
        key_heads,
        head_width,
        settings.size("intermediate_size"),
        tied=settings.flag("tie_word_embeddings"),
        query_bias=general or kind == "qwen2",
        output_bias=general,
        inner_bias="mlp_bias" in settings.defaults and settings.flag("mlp_bias"),
        head_norm=kind == "qwen3",
        experts=experts,
        active_experts=active,
    )
    tokens = min(settings.size("max_position_embeddings"), MOST_TOKENS)
    scores = not made.endswith("Model")
    part = transformers.decoder(shape, tokens, scores=scores)
    notes = [] if made == "" or made.endswith(("ForCausalLM", "Model")) else [_headless(made)]
    if experts:
        total = sum(layer.parameters for layer in part.layers)
        idle = shape.depth * (experts - active) * 3 * shape.width * shape.inner
        notes.append(f"A token passes {active} of {experts} experts in each block: {total - idle:,} parameters.")
    return part, _sequence(tokens), tuple(notes)


def _vit(settings: Settings, made: str) -> Built:
    settings.divided("hidden_size", "num_attention_heads")
    side, patch, channels = (settings.size(key, 100_000) for key in ("image_size", "patch_size", "num_channels"))
    if side < patch:
        raise RequestError(f"image_size of {settings.target} is {side}, less than its patch_size of {patch}")
    pictured = made in {"", "ViTForImageClassification"}
    shape = transformers.Vision(
        side,
        patch,
        channels,
        settings.size("hidden_size"),
        settings.depth("num_hidden_layers"),
        settings.size("num_attention_heads"),
        settings.size("intermediate_size"),
        _classes(settings.values, 2) if pictured else 0,
        settings.flag("qkv_bias"),
    )
    return transformers.vision(shape), _image(channels, side), () if pictured else (_headless(made),)


def _resnet(settings: Settings, made: str) -> Built:
    kind = settings.get("layer_type")
    if kind not in ("basic", "bottleneck"):
        raise RequestError(f"layer_type of {settings.target} is {shown(kind)}; it is basic or bottleneck")
    depths, widths = settings.sizes("depths"), settings.sizes("hidden_sizes")
    if len(depths) != len(widths) or sum(depths) > 2_000:
        raise RequestError(
            f"{settings.target} has {len(depths)} depths of {sum(depths):,} blocks and {len(widths)} hidden_sizes; it "
            "takes a depth and a size for each stage, and 2,000 blocks at most"
        )
    if settings.size("num_channels") != 3:
        raise RequestError(
            f"num_channels of {settings.target} is {settings.get('num_channels')}; ResNets are read with 3"
        )
    pictured = made in {"", "ResNetForImageClassification"}
    classes = _classes(settings.values, 2) if pictured else 0
    part = images.resnet(kind, depths, widths, stem=settings.size("embedding_size"), classes=classes)
    return part, _image(3, 224), () if pictured else (_headless(made),)


def _efficientnet(settings: Settings, made: str) -> Built:
    side = settings.size("image_size", 100_000)
    part = images.efficientnet(
        settings.share("width_coefficient"),
        settings.share("depth_coefficient"),
        side,
        classes=_classes(settings.values, 2),
    )
    notes = () if made in {"", "EfficientNetForImageClassification"} else (f"Counted with the head that {made} lacks.",)
    return part, _image(3, side), notes


KINDS: dict[str, tuple[dict[str, Any], Callable[[Settings, str], Built]]] = {
    "bert": (BERT, _bert),
    "roberta": ({**BERT, "vocab_size": 50265}, _bert),
    "gpt2": (GPT2, _gpt2),
    "llama": (LLAMA, _decoder),
    "mistral": (MISTRAL, _decoder),
    "qwen2": (QWEN2, _decoder),
    "qwen3": (QWEN3, _decoder),
    "mixtral": (MIXTRAL, _decoder),
    "vit": (VIT, _vit),
    "resnet": (RESNET, _resnet),
    "efficientnet": (EFFICIENTNET, _efficientnet),
}
"""The kinds of model that are known: their defaults, and how they are made of parts."""


def _class_name(config: Mapping[str, Any]) -> str:
    """The first of ``architectures``, such as ``BertForMaskedLM``; empty where there is none."""
    named = config.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    return first[:60] if isinstance(first, str) else ""


def _ending(made: str) -> str:
    """``ForMaskedLM`` of ``BertForMaskedLM``; the whole name where it has no such end."""
    at = made.find("For")
    return made[at:] if at >= 0 else "Model" if made.endswith("Model") else made


def _classes(config: Mapping[str, Any], default: int) -> int:
    labels = config.get("id2label")
    given = config.get("num_labels", len(labels) if isinstance(labels, Mapping) and labels else default)
    return Settings({"num_labels": given}, {}, "the configuration").size("num_labels")


def _headless(made: str) -> str:
    return f"Counted without the head of {made}, which is not known."


def _sequence(tokens: int) -> str:
    return f"sequence of {tokens:,} tokens"


def _image(channels: int, side: int) -> str:
    return f"image of {channels} × {side} × {side}"
