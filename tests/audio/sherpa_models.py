"""Small models that sherpa-onnx runs like any other: real graphs that hear how long somebody speaks.

Each counts the moments that are loud and writes the next of its words whenever enough have been heard: what comes out depends
on the audio, partial results grow with it, and silence gives nothing. At the fourth word two are as good as equal ("card" and
"cart"), so that a hotword tips the scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS = ("▁i", "▁lost", "▁my", "▁cart", "▁card")
SENTENCE = "i lost my cart"
_LOUD = -4.0  # natural logarithm of the loudest mel band's energy: telephone speech is above, silence at -16
_EVERY = 4  # loud moments (40 ms streaming, 80 ms otherwise) to the next word
_BANDS = 80

Nodes = list[Any]


def streaming_transducer(folder: Path, *, words: tuple[str, ...] = WORDS, metadata: bool = True) -> Path:
    """A streaming transducer (the LSTM kind of icefall) of context 1: chunks of 4 frames, one output each."""
    symbols = ("<blk>", *words)
    size = len(symbols)
    nodes, constants = _counting(frames_of="x", axes=(1, 2), count="h", counted="next_h", state=True)
    nodes += [
        helper.make_node("Reshape", ["next_h", "one_frame"], ["count"]),
        helper.make_node("Sub", ["count", "thresholds"], ["over"]),
        *_scores("over", "encoder_out"),
        helper.make_node("Identity", ["c"], ["next_c"]),
    ]
    constants |= {"one_frame": np.array([1, 1, 1], np.int64), "thresholds": _thresholds(blank_first=True)}
    meta = {"model_type": "lstm", "num_encoder_layers": 1, "T": 9, "decode_chunk_len": 4, "rnn_hidden_size": 1, "d_model": 1}
    states = [("h", "float", [1, "N", 1]), ("c", "float", [1, "N", 1])]
    _write(
        folder / "encoder.onnx",
        nodes,
        [("x", "float", ["N", 9, _BANDS]), *states],
        [("encoder_out", "float", ["N", 1, size]), ("next_h", "float", [1, "N", 1]), ("next_c", "float", [1, "N", 1])],
        constants,
        meta if metadata else {},
    )
    _write(
        folder / "decoder.onnx",
        [
            helper.make_node("Max", ["y", "zero"], ["last"]),  # the context begins with -1
            helper.make_node("Gather", ["allowed", "last"], ["each"]),
            helper.make_node("Squeeze", ["each", "context"], ["decoder_out"]),
        ],
        [("y", "int64", ["N", 1])],
        [("decoder_out", "float", ["N", size])],
        {"zero": np.array(0, np.int64), "allowed": _allowed(blank_first=True), "context": np.array([1], np.int64)},
        {"vocab_size": size, "context_size": 1},
    )
    _write(
        folder / "joiner.onnx",
        [helper.make_node("Add", ["encoder_out", "decoder_out"], ["logit"])],
        [("encoder_out", "float", ["N", size]), ("decoder_out", "float", ["N", size])],
        [("logit", "float", ["N", size])],
        {},
        {"joiner_dim": size},
    )
    _tokens(folder, symbols)
    return folder


def nemo_transducer(folder: Path) -> Path:
    """A transducer with durations (TDT) as NVIDIA's Parakeet: whole utterances, 8 frames to one output, blank last."""
    symbols = (*WORDS, "<blk>")
    size = len(symbols)
    nodes, constants = _over_thresholds()
    nodes += [
        *_scores("over", "scores"),
        helper.make_node("Transpose", ["scores"], ["outputs"], perm=[0, 2, 1]),
        helper.make_node("Shape", ["count"], ["shape"]),
        helper.make_node("Slice", ["shape", "time", "two"], ["encoded_lengths"]),
    ]
    constants |= {
        "two": np.array([2], np.int64),
        "thresholds": _thresholds(blank_first=False),
    }
    _write(
        folder / "encoder.int8.onnx",
        nodes,
        [("audio_signal", "float", ["N", _BANDS, "T"]), ("length", "int64", ["N"])],
        [("outputs", "float", ["N", size, "T2"]), ("encoded_lengths", "int64", ["N"])],
        constants,
        {
            "vocab_size": size - 1,
            "subsampling_factor": 8,
            "normalize_type": "NA",
            "pred_rnn_layers": 1,
            "pred_hidden": 1,
            "feat_dim": _BANDS,
            "url": "https://example.com/small-tdt",
        },
    )
    states = [("states", "float", [1, "N", 1]), ("cells", "float", [1, "N", 1])]
    next_states = [("next_states", "float", [1, "N", 1]), ("next_cells", "float", [1, "N", 1])]
    _write(
        folder / "decoder.int8.onnx",
        [
            helper.make_node("Gather", ["allowed", "targets"], ["each"]),
            helper.make_node("Transpose", ["each"], ["outputs"], perm=[0, 2, 1]),
            *(
                helper.make_node("Identity", [given], [told])
                for given, told in (("target_length", "lengths"), ("states", "next_states"), ("cells", "next_cells"))
            ),
        ],
        [("targets", "int32", ["N", "U"]), ("target_length", "int32", ["N"]), *states],
        [("outputs", "float", ["N", size, "U"]), ("lengths", "int32", ["N"]), *next_states],
        {"allowed": _allowed(blank_first=False)},
        {},
    )
    _write(
        folder / "joiner.int8.onnx",
        [
            helper.make_node("Add", ["encoder_outputs", "decoder_outputs"], ["sum"]),
            helper.make_node("Transpose", ["sum"], ["logits"], perm=[0, 2, 1]),
            helper.make_node("Concat", ["logits", "durations"], ["rows"], axis=2),
            helper.make_node("Unsqueeze", ["rows", "axis"], ["outputs"]),
        ],
        [("encoder_outputs", "float", ["N", size, 1]), ("decoder_outputs", "float", ["N", size, 1])],
        [("outputs", "float", ["N", 1, 1, size + 2])],
        {"durations": np.array([[[0.0, 9.0]]], np.float32), "axis": np.array([1], np.int64)},  # always one frame on
        {},
    )
    _tokens(folder, symbols)
    return folder


def nemo_ctc(folder: Path) -> Path:
    """A CTC model of NeMo: whole utterances, a word at each threshold, blank last."""
    symbols = (*WORDS[:-1], "<blk>")
    size = len(symbols)
    nodes, constants = _over_thresholds()
    nodes += [
        helper.make_node("Abs", ["over"], ["distance"]),
        helper.make_node("Neg", ["distance"], ["nearness"]),
        helper.make_node("Add", ["nearness", "bias"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["logprobs"], axis=2),
    ]
    constants |= {
        "thresholds": np.array([[[*(_EVERY * (n + 1) for n in range(size - 1)), 0]]], np.float32),
        "bias": np.array([[[*([0.6] * (size - 1)), 0.0]]], np.float32),
    }
    _write(
        folder / "model.int8.onnx",
        nodes,
        [("audio_signal", "float", ["N", _BANDS, "T"]), ("length", "int64", ["N"])],
        [("logprobs", "float", ["N", "T2", size])],
        constants,
        {"model_type": "EncDecCTCModelBPE", "vocab_size": size - 1, "subsampling_factor": 8, "normalize_type": ""},
    )
    _tokens(folder, symbols)
    return folder


def _over_thresholds() -> tuple[Nodes, dict[str, Any]]:
    """Nodes of NeMo's models: for every eighth frame of `audio_signal`, how far the count so far is `over` each threshold."""
    nodes, constants = _counting(frames_of="frames", axes=(2,), count="", counted="count", state=False)
    return [
        helper.make_node("Transpose", ["audio_signal"], ["by_time"], perm=[0, 2, 1]),
        helper.make_node("Slice", ["by_time", "from", "to", "time", "every"], ["frames"]),
        *nodes,
        helper.make_node("Unsqueeze", ["count", "last_axis"], ["column"]),
        helper.make_node("Sub", ["column", "thresholds"], ["over"]),
    ], constants | {
        "from": np.array([0], np.int64),
        "to": np.array([1 << 30], np.int64),
        "time": np.array([1], np.int64),
        "every": np.array([8], np.int64),
        "last_axis": np.array([2], np.int64),
    }


def _counting(*, frames_of: str, axes: tuple[int, ...], count: str, counted: str, state: bool) -> tuple[Nodes, dict[str, Any]]:
    """Nodes that count loud moments: added to the state `count`, or running along the utterance."""
    nodes = [
        helper.make_node("ReduceMax", [frames_of, "axes"], ["level"], keepdims=1 if state else 0),
        helper.make_node("Greater", ["level", "loud"], ["is_loud"]),
        helper.make_node("Cast", ["is_loud"], ["one_if_loud"], to=TensorProto.FLOAT),
    ]
    if state:
        nodes += [helper.make_node("Add", [count, "one_if_loud"], [counted])]
    else:
        nodes += [helper.make_node("CumSum", ["one_if_loud", "along"], [counted])]
    return nodes, {
        "axes": np.array(axes, np.int64),
        "loud": np.array(_LOUD, np.float32),
        **({} if state else {"along": np.array(1, np.int64)}),
    }


def _scores(over: str, out: str) -> Nodes:
    """Sure of a word once its count is reached; blank lies between."""
    return [
        helper.make_node("Clip", [over, "low", "high"], ["clipped"]),
        helper.make_node("Mul", ["clipped", "steep"], ["weighed"]),
        helper.make_node("Add", ["weighed", "bias"], [out]),
    ]


def _thresholds(*, blank_first: bool) -> Any:
    words = [_EVERY * (min(n, 3) + 1) - 0.5 for n in range(len(WORDS))]
    row = [0.0, *words] if blank_first else [*words, 0.0]
    return np.array([[row]], np.float32)


def _allowed(*, blank_first: bool) -> Any:
    """What may follow what: row = the last token, column = the next."""
    size, first = len(WORDS) + 1, int(blank_first)
    blank = 0 if blank_first else size - 1
    rows = np.full((size, size), -100.0, np.float32)
    rows[:, blank] = 0
    rows[blank, first] = 0
    for n in range(3):
        rows[first + n, first + n + 1] = 0
    rows[first + 2, first + 4] = -0.3  # "card" is a little less likely than "cart"
    return rows


def _write(path: Path, nodes: Nodes, given: Any, told: Any, constants: Mapping[str, Any], metadata: Mapping[str, object]) -> None:
    kinds = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}
    steps = {
        "low": np.array(-0.5, np.float32),
        "high": np.array(0.5, np.float32),
        "steep": _steep(constants["thresholds"]) if "thresholds" in constants else np.array(1.0, np.float32),
        "bias": np.array(0.0, np.float32),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, kinds[kind], shape) for name, kind, shape in given],
        [helper.make_tensor_value_info(name, kinds[kind], shape) for name, kind, shape in told],
        [numpy_helper.from_array(value, name) for name, value in {**steps, **constants}.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {name: str(value) for name, value in metadata.items()})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def _steep(thresholds: Any) -> Any:
    """Words are weighed, the blank (at 0) is not."""
    return np.where(thresholds > 0, 10.0, 0.0).astype(np.float32)


def _tokens(folder: Path, symbols: tuple[str, ...]) -> None:
    (folder / "tokens.txt").write_text("".join(f"{symbol} {n}\n" for n, symbol in enumerate(symbols)), encoding="utf-8")
    (folder / "bpe.vocab").write_text("".join(f"{word}\t{-n}\n" for n, word in enumerate(WORDS)), encoding="utf-8")
