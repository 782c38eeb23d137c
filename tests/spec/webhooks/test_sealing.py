"""What is sealed is opened by the keys of this installation, in its own place, and by nothing else."""

import pytest

from bookings.services.shared.sealing import CannotOpen, NoSealKey, Seal

NEW, OLD, STRANGER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))


def test_a_key_opens_what_it_has_sealed_while_it_is_exchanged_too():
    sealed = Seal([OLD]).seal(b"secret", place="a")
    exchanging = Seal([NEW, OLD])

    assert exchanging.open(sealed, place="a") == b"secret"
    assert exchanging.open(exchanging.seal(b"", place="a"), place="a") == b""
    assert [exchanging.is_old(each) for each in (sealed, exchanging.seal(b"secret", place="a"))] == [True, False]


def test_the_same_is_never_sealed_the_same():
    seal = Seal([NEW])

    assert len({seal.seal(b"secret", place="a") for _ in range(100)}) == 100


def test_nothing_else_opens_it():
    seal = Seal([NEW])
    sealed = seal.seal(b"secret", place="a")
    spoiled = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for value in (b"", b"\x01", sealed[:-1], sealed[:20], *spoiled):
        with pytest.raises(CannotOpen):
            seal.open(value, place="a")
    for other, place in ((seal, "b"), (Seal([STRANGER]), "a"), (Seal([OLD]), "a"), (Seal([]), "a")):
        with pytest.raises(CannotOpen):
            other.open(sealed, place=place)


def test_without_a_key_nothing_is_sealed():
    assert not Seal([])
    assert Seal([NEW])
    with pytest.raises(NoSealKey):
        Seal([]).seal(b"secret", place="a")
