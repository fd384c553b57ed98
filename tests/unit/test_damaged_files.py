"""Damaged and hostile files of graphs, matrices and sequences: one short sentence each, and never a wrong topology."""

import io
import random

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.files import read_graph
from theory.matrix_files import read_matrix, read_topology
from theory.sequence_files import holds_sequence, read_sequence
from theory.validate import as_square

XML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}</graphml>'
EDGE = '<graph edgedefault="directed"><node id="a"/><node id="b"/><edge source="a" target="{}"/></graph>'
MARKET = "%%MatrixMarket matrix coordinate real general\n"


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    return str(error.value)


def saved(write, *arrays, **named):
    file = io.BytesIO()
    write(file, *arrays, **named)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("net.graphml", XML.format(EDGE.format("c")), ["an edge of 'c'", "no node of it"]),
        ("net.graphml", XML.format(EDGE.format("b") * 2), ["holds 2 graphs"]),
        ("net.graphml", XML.format("<graph><edge source='a'/></graph>"), ["an edge of None", "no node of it"]),
        ("net.graphml", XML.format("<graph><node/></graph>"), ["a node without an id"]),
        ("net.gml", "graph " + "[ a " * 3000, ["not a GML file"]),
        ("net.net", "*Vertices 99999999999\n", ["has 99999999999 agents", "at most 2000000"]),
        ("net.net", "*Vertices " + "9" * 5000, ["not a Pajek file"]),
        ("net.net", "*Vertices 2\n*Edges\n1 " + "9" * 5000, ["not a Pajek file"]),
        ("net.net", "x" * 10**5, ["line 1", "xxx..."]),
        ("net.txt", "x" * 10**5, ["line 1", "xxx..."]),
        ("net.mtx", MARKET + "99999999999 99999999999 1\n1 2 1\n", ["has 99999999999 agents", "at most 2000000"]),
        ("net.mtx", MARKET.replace("real", "integer") + "2 2 1\n1 2 " + "9" * 30, ["not a Matrix Market file"]),
        ("net.mtx", MARKET + "2 2 2\n1 2 1\n2 1 nan\n", ["entry (2, 1) of", "is nan"]),
        ("W.csv", "x" * 10**5, ["entry [0, 0]", "xxx..."]),
    ],
)
def test_texts_that_promise_too_much_or_name_what_is_not_there(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    found = sentence(lambda: read_topology(tmp_path / name))
    for word in words:
        assert word in found


def test_one_graph_whose_edges_are_among_its_nodes_is_read(tmp_path):
    (tmp_path / "net.graphml").write_text(XML.format(EDGE.format("b")))
    assert list(read_graph(tmp_path / "net.graphml").edges) == [(0, 1)]
    (tmp_path / "net.graphml").write_text(XML.format('<graph><edge source="a" target="b"/></graph>'))  # without nodes
    assert list(read_graph(tmp_path / "net.graphml").edges) == [(0, 1)]


HEADER = b"\x93NUMPY\x01\x00v\x00"


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        saved(np.savez, np.eye(2)),
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999)}".ljust(117) + b"\n",
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (3".ljust(117) + b"\n",
        saved(np.save, np.eye(50))[:-30],
        saved(np.save, np.array([["1", "0"], ["0", "1"]])),
        saved(np.save, np.array([["1970-01-01"]], dtype="datetime64[D]")),
        saved(np.save, np.float64(1)),
    ],
)
def test_a_file_of_another_kind_named_npy_is_no_array(tmp_path, content):
    (tmp_path / "W.npy").write_bytes(content)
    assert "W.npy" in sentence(lambda: read_matrix(tmp_path / "W.npy"))
    assert "W.npy" in sentence(lambda: read_sequence(tmp_path / "W.npy"))
    assert not holds_sequence(tmp_path / "W.npy")


def test_damaged_archives_are_none(tmp_path):
    packed = saved(np.savez_compressed, W=np.eye(50))
    plain = saved(np.savez, W=np.eye(2))
    method = plain.rindex(b"PK\x01\x02") + 10
    damaged = [packed[:60] + bytes(30) + packed[90:], packed[:-40], plain[:method] + b"\x63\x00" + plain[method + 2 :]]
    for content in damaged:
        (tmp_path / "W.npz").write_bytes(content)
        assert "not a set of arrays" in sentence(lambda: read_sequence(tmp_path / "W.npz"))
    (tmp_path / "W.npz").write_bytes(plain)
    np.testing.assert_array_equal(read_sequence(tmp_path / "W.npz"), [np.eye(2)])


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".gml", ".graphml", ".net", ".mtx", ".adjlist", ".edges", ".csv"])
def test_random_damage_raises_nothing_but_the_one_error(tmp_path, suffix):
    whole = {
        ".npy": saved(np.save, np.full((2, 2, 2), 0.5)),
        ".npz": saved(np.savez, a=np.full((2, 2), 0.5)),
        ".gml": b'graph [ directed 1 node [ id 0 label "a" ] node [ id 1 ] edge [ source 0 target 1 ] ]',
        ".graphml": XML.format(EDGE.format("b")).encode(),
        ".net": b'*Vertices 2\n1 "a"\n2 "b"\n*Arcs\n1 2 1\n*Edges\n2 1\n',
        ".mtx": MARKET.encode() + b"2 2 2\n1 2 1.0\n2 1 1.0\n",
        ".adjlist": b"0 1 2\n1 2\n",
        ".edges": b"0 1\n1 2 {'weight': 2}\n",
        ".csv": b"0.5,0.5\n0.5,0.5\n",
    }[suffix]
    file, draw, refused = tmp_path / f"net{suffix}", random.Random(0), []
    read = read_sequence if suffix in (".npy", ".npz") else read_topology
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(content))
            content[place : place + draw.randint(0, 2)] = draw.randbytes(draw.randint(1, 2))
        file.write_bytes(content)
        try:
            read(file)
        except OnemergeError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert not any("\n" in message for message in refused)


@pytest.mark.parametrize("read", [read_graph, read_matrix, read_topology, read_sequence, holds_sequence])
@pytest.mark.parametrize("path", [None, 3, ["W.npy"], b"W.npy"])
def test_what_is_no_path_is_refused(read, path):
    assert "must be the path of a file or folder" in sentence(lambda: read(path))


@pytest.mark.parametrize("W", [[["0.5", "0.5"], ["0.5", "0.5"]], np.zeros((2, 2), dtype="timedelta64[s]"), [[10**400]]])
def test_text_and_times_are_no_weights(W):
    assert "not an array of real numbers" in sentence(lambda: as_square(W))
