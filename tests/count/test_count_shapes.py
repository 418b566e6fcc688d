"""Closed forms against live models: every name and shape, and the FLOPs that torch itself counts, without a weight."""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from holdfast.count.configs import KINDS, from_config
from holdfast.count.named import NAMED, architecture
from holdfast.count.records import Inspection, Layer
from holdfast.errors import RequestError

SMALL: dict[str, dict[str, Any]] = {
    "BertModel": {"num_hidden_layers": 2},
    "BertForMaskedLM": {"num_hidden_layers": 1, "hidden_size": 96, "intermediate_size": 100},
    "BertForPreTraining": {"num_hidden_layers": 1},
    "BertForSequenceClassification": {"num_hidden_layers": 1, "num_labels": 7},
    "BertForTokenClassification": {"num_hidden_layers": 1, "num_labels": 9},
    "BertForQuestionAnswering": {"num_hidden_layers": 1},
    "RobertaForMaskedLM": {"num_hidden_layers": 2, "max_position_embeddings": 514},
    "GPT2LMHeadModel": {"n_layer": 2, "n_embd": 60},
    "GPT2Model": {"n_layer": 2, "n_inner": 100},
    "LlamaForCausalLM": {"num_hidden_layers": 2, "num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True},
    "LlamaModel": {"num_hidden_layers": 1},
    "MistralForCausalLM": {"num_hidden_layers": 1, "head_dim": 64, "tie_word_embeddings": True},
    "Qwen2ForCausalLM": {"num_hidden_layers": 2, "num_key_value_heads": 8},
    "Qwen3ForCausalLM": {"num_hidden_layers": 2},
    "MixtralForCausalLM": {"num_hidden_layers": 2, "num_local_experts": 4},
}
"""Classes of transformers, with keys that are not at their defaults."""

IMAGES: dict[str, dict[str, Any]] = {
    "ViTForImageClassification": {"num_hidden_layers": 2, "num_labels": 10, "image_size": 64, "qkv_bias": False},
    "ResNetForImageClassification": {"num_labels": 12, "depths": [1, 2, 1, 1], "hidden_sizes": [128, 256, 512, 512]},
    "EfficientNetForImageClassification": {"num_labels": 1000, "image_size": 256},
}
"""256 pixels, since for odd sides transformers pads otherwise than the paper."""

PUBLISHED = {
    "bert-base": 109_482_240,
    "bert-large": 335_141_888,
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "gpt3": 174_604_259_328,
    "llama-7b": 6_738_415_616,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "mistral-7b": 7_241_732_096,
    "mixtral-8x7b": 46_702_792_704,
    "vit-b16": 86_567_656,
    "vit-b32": 88_224_232,
    "vit-l16": 304_326_632,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "efficientnet-b0": 5_288_548,
    "efficientnet-b1": 7_794_184,
    "efficientnet-b2": 9_109_994,
    "efficientnet-b3": 12_233_232,
    "efficientnet-b4": 19_341_616,
    "efficientnet-b5": 30_389_784,
    "efficientnet-b6": 43_040_704,
    "efficientnet-b7": 66_347_960,
}


def live_and_counted(name: str, keys: dict[str, Any]) -> tuple[nn.Module, Inspection]:
    """A model of transformers on the meta device, and the same from its configuration alone."""
    made = getattr(transformers, name)
    config = made.config_class(**keys)
    with torch.device("meta"):
        model = made(config).eval()
    return model, from_config({**config.to_dict(), "architectures": [name]}, name)


def named_shapes(layers: tuple[Layer, ...]) -> dict[str, tuple[int, ...]]:
    return {layer.name: layer.shape for layer in layers}


@pytest.mark.parametrize("name", SMALL)
def test_text_models_have_the_arrays_of_the_live_ones(name: str) -> None:
    model, counted = live_and_counted(name, SMALL[name])
    live = {key.removeprefix("transformer."): tuple(item.shape) for key, item in model.named_parameters()}
    if name == "LlamaModel":
        live = {f"model.{key}": shape for key, shape in live.items()}
    assert named_shapes(counted.layers) == live
    assert counted.work is not None


@pytest.mark.parametrize("name", IMAGES)
def test_image_models_have_the_shapes_of_the_live_ones(name: str) -> None:
    """The names are those of published files, which are others than in this version of transformers."""
    model, counted = live_and_counted(name, IMAGES[name])
    assert Counter(layer.shape for layer in counted.layers) == Counter(tuple(p.shape) for p in model.parameters())
    if name != "ViTForImageClassification":
        assert Counter(layer.shape for layer in counted.buffers) == Counter(tuple(b.shape) for b in model.buffers())


@pytest.mark.parametrize("name", ["BertForMaskedLM", "GPT2LMHeadModel", "Qwen2ForCausalLM", *IMAGES])
def test_flops_are_those_that_torch_counts(name: str) -> None:
    model, counted = live_and_counted(name, {**SMALL, **IMAGES}[name])
    assert counted.work is not None
    words = counted.work.example.replace(",", "").split()
    if words[0] == "sequence":
        given = torch.zeros(1, int(words[2]), dtype=torch.long, device="meta")
    else:
        given = torch.empty(1, int(words[2]), int(words[4]), int(words[6]), device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(given)
    assert counted.work.flops == counter.get_total_flops()


@pytest.mark.parametrize("name", PUBLISHED)
def test_named_architectures_have_their_published_size(name: str) -> None:
    assert architecture(name).parameters == PUBLISHED[name]


def test_every_named_architecture_is_counted() -> None:
    for name, config in NAMED.items():
        counted = architecture(name)
        assert counted.parameters > 1_000_000, name
        assert config["model_type"] in KINDS
        assert all(each.recorded_in == "published" for each in counted.hyperparameters)


def test_a_perceptron_array_by_array() -> None:
    counted = architecture("mlp:784-256-128-10")
    assert [layer.parameters for layer in counted.layers] == [200_704, 256, 32_768, 128, 1_280, 10]
    assert counted.parameters == 235_146
    assert counted.work is not None
    assert counted.work.flops == 2 * (200_704 + 32_768 + 1_280)


def test_a_linear_model_of_two_inputs_learned_three_numbers() -> None:
    counted = architecture("linear:2")
    assert (counted.parameters, counted.formula) == (3, "y = w1·x1 + w2·x2 + b")
    assert architecture("linear:2-3").parameters == 9


@pytest.mark.parametrize("written", ["GPT-2 XL", "gpt2_xl", "gpt2-xl"])
def test_names_are_found_as_people_write_them(written: str) -> None:
    assert architecture(written).parameters == 1_557_611_200


def test_kept_activations_are_what_autograd_keeps() -> None:
    """The tensors that are saved for the backward pass, each storage once, without parameters."""
    network = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 3))
    assert kept_by(network, torch.zeros(4, 30)) == 4 * work_of("mlp:30-20-10-3")
    keys: dict[str, Any] = {"n_layer": 2, "n_embd": 48, "n_head": 4, "n_positions": 64, "vocab_size": 90}
    config = transformers.GPT2Config(**keys, bos_token_id=1, eos_token_id=1, activation_function="gelu")
    config._attn_implementation = "eager"
    model = transformers.GPT2LMHeadModel(config).eval()
    saved = kept_by(model, torch.zeros(1, 64, dtype=torch.long))
    counted = from_config({**config.to_dict(), "model_type": "gpt2"}, "small").work
    assert counted is not None
    assert 1.0 < saved / counted.activations < 1.1  # sums, and the masks of its own attention
    images = transformers.ResNetConfig(depths=[1, 1, 1, 1], hidden_sizes=[32, 64, 64, 128], embedding_size=16)
    saved = kept_by(transformers.ResNetForImageClassification(images).train(), torch.randn(2, 3, 224, 224))
    counted = from_config(images.to_dict(), "small").work
    assert counted is not None
    assert math.isclose(saved, 2 * counted.activations, rel_tol=0.02)


def work_of(name: str) -> int:
    work = architecture(name).work
    assert work is not None
    return work.activations


def kept_by(model: nn.Module, given: torch.Tensor) -> int:
    """Numbers of floating point that autograd saves in one forward pass."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(given)
    assert output is not None
    return sum(saved.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpt4", "did you mean 'gpt3'"),
        ("resnet-51", "did you mean 'resnet50'"),
        ("mpl:2-3", "did you mean 'mlp'"),
        ("mlp:784", "a network has two at least"),
        ("mlp:784-0-10", "whole numbers from 1 on"),
        ("mlp:7x8,9x3", "layer 1 gives 8 numbers and layer 2 takes 9"),
        ("mlp:7x8x9", "a layer has two"),
        ("linear:1-2-3", "has 3 sizes"),
        ("linear", "has no sizes"),
    ],
)
def test_what_is_no_architecture_is_refused_in_a_sentence(name: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        architecture(name)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "lama"}, "did you mean 'llama'"),
        ({"model_type": 3}, "the model_type of it is 3"),
        ({"model_type": "bert", "hidden_size": 770}, "12 num_attention_heads do not divide"),
        ({"model_type": "llama", "num_key_value_heads": 5}, "5 num_key_value_heads do not"),
        ({"model_type": "gpt2", "n_layer": 10**9}, "a whole number from 1 to 2,000"),
        ({"model_type": "gpt2", "n_layer": True}, "n_layer of it is true"),
        ({"model_type": "vit", "image_size": 8}, "less than its patch_size"),
        ({"model_type": "resnet", "depths": [3, 4]}, "a depth and a size for each stage"),
        ({"model_type": "llama", "tie_word_embeddings": "no"}, "it is true or false"),
        ({"model_type": "efficientnet", "depth_coefficient": -1}, "a number above 0"),
    ],
)
def test_configurations_that_cannot_be_are_refused_in_a_sentence(config: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        from_config(config, "it")


def test_choices_are_listed_with_their_defaults_and_where_they_stand() -> None:
    counted = from_config({"model_type": "bert", "hidden_size": 96, "rope_theta": 5.0, "pad_token_id": 0}, "it")
    found = {each.name: each for each in counted.hyperparameters}
    assert (found["hidden_size"].value, found["hidden_size"].default) == (96, 768)
    assert found["hidden_size"].recorded_in == "config.json"
    assert found["hidden_dropout_prob"].recorded_in == "code default"
    assert "default" not in found["rope_theta"].to_json()
    assert "pad_token_id" not in found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([1, 12, 64, 768]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_configuration_is_counted_or_refused_in_a_sentence(kind: str, data: st.DataObject) -> None:
    keys = [*KINDS[kind][0], "architectures", "id2label", "num_labels", "head_dim"]
    config = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=4))
    with contextlib.suppress(RequestError):
        json.dumps(from_config({**config, "model_type": kind}, "it").to_json(), allow_nan=False)
