"""Arrays that another process sees without a copy: a fleet's fortnight is 0.8 GB, and is sent nowhere.

A `Sheet` is memory with a descriptor (memfd_create(2); unlike /dev/shm, which is 64 MiB in a container, it is bounded
by the memory alone). Work is packed with references to sheets in place of the arrays that lie in them; whoever unpacks
it in a child maps the same pages, for reading. What comes back refers to them in the same way, and means our own.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Array

_LEAST_BYTES = 2**20
"""Smaller arrays are copied on their way."""
_ABLE = hasattr(os, "memfd_create")
"""Linux; elsewhere arrays are copied."""


class Sheet(mmap.mmap):
    """Shared memory; it is given back with the last array that lies in it."""

    descriptor = -1

    @classmethod
    def blank(cls, size: int) -> Self:
        """So many bytes, zeros. Raises OSError where there are none."""
        descriptor = os.memfd_create("ahpa", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            return cls._over(descriptor, size, mmap.PROT_READ | mmap.PROT_WRITE)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def of(cls, name: SheetName, *, ours: bool = False) -> Self:
        """Another process's, for reading; or, as that ends, `ours` from now on. Raises OSError where we cannot."""
        mode, allowed = (os.O_RDWR, mmap.PROT_READ | mmap.PROT_WRITE) if ours else (os.O_RDONLY, mmap.PROT_READ)
        descriptor = os.open(f"/proc/{name.process}/fd/{name.descriptor}", mode | os.O_CLOEXEC)
        try:
            return cls._over(descriptor, os.fstat(descriptor).st_size, allowed)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def _over(cls, descriptor: int, size: int, allowed: int) -> Self:
        sheet = cls(descriptor, size, mmap.MAP_SHARED, allowed)
        sheet.descriptor = descriptor
        return sheet

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class SheetName(NamedTuple):
    """Where another process finds a sheet."""

    process: int
    descriptor: int


class Packed(NamedTuple):
    """Something on its way to another process."""

    said: bytes
    sheets: tuple[SheetName, ...]


def room(shape: tuple[int, ...]) -> Array:
    """A new float32 array of any content, in a sheet if it is large and there are sheets."""
    size = 4 * math.prod(shape)
    if _ABLE and size >= _LEAST_BYTES:
        try:
            return np.ndarray(shape, np.float32, Sheet.blank(size))
        except OSError:  # no descriptor is left, or no memory: then it is copied on its way
            pass
    return np.empty(shape, np.float32)


def packed(what: object, seen: Sequence[Sheet] = ()) -> tuple[Packed, list[Sheet]]:
    """Ready to be sent, and the sheets in which its arrays lie, beside those that the receiver has `seen`: they must be
    kept until it was unpacked. Large arrays that lie in none are laid in new ones."""
    every, out = list(seen), io.BytesIO()
    _Packer(out, every).dump(what)
    mine = every[len(seen) :]
    names = tuple(SheetName(os.getpid(), sheet.descriptor) for sheet in mine)
    return Packed(out.getvalue(), names), mine


def unpacked(sent: Packed, seen: Sequence[Sheet] = (), *, ours: bool = False) -> tuple[object, list[Sheet]]:
    """What another process packed for somebody who has `seen` these sheets, while it is still there; and its own
    sheets. `ours`: it is done with them. Raises OSError where they cannot be had."""
    sheets = [Sheet.of(name, ours=ours) for name in sent.sheets]
    return _Unpacker(io.BytesIO(sent.said), [*seen, *sheets]).load(), sheets


_Reference = tuple[int, int, tuple[int, ...], tuple[int, ...], "np.dtype[Any]", bool]
"""Which sheet, the first byte, shape, strides, type; whether it may be written."""


class _Packer(pickle.Pickler):
    def __init__(self, out: io.BytesIO, sheets: list[Sheet]) -> None:
        super().__init__(out, protocol=5)
        self._sheets = sheets
        self._laid: dict[int, NDArray[Any]] = {}
        """By the identity of an array: what of it lies in a sheet; the same one twice is laid once."""
        self._kept: list[NDArray[Any]] = []
        """Lest an identity be given anew meanwhile."""

    def persistent_id(self, what: object) -> _Reference | None:
        if type(what) is not np.ndarray or what.dtype.hasobject:
            return None
        array, sheet = what, _sheet_of(what)
        if sheet is None and _ABLE and what.nbytes >= _LEAST_BYTES:
            array = self._copied(what)
            sheet = _sheet_of(array)
        if sheet is None:
            return None
        if sheet not in self._sheets:
            self._sheets.append(sheet)
        begin = np.frombuffer(sheet, np.uint8).__array_interface__["data"][0]
        first = array.__array_interface__["data"][0] - begin
        return self._sheets.index(sheet), first, array.shape, array.strides, array.dtype, what.flags.writeable

    def _copied(self, what: NDArray[Any]) -> NDArray[Any]:
        if id(what) not in self._laid:
            try:
                laid: NDArray[Any] = np.ndarray(what.shape, what.dtype, Sheet.blank(what.nbytes))
            except OSError:
                return what
            laid[...] = what
            self._laid[id(what)] = laid
            self._kept.append(what)
        return self._laid[id(what)]


class _Unpacker(pickle.Unpickler):
    def __init__(self, said: io.BytesIO, sheets: Sequence[Sheet]) -> None:
        super().__init__(said)
        self._sheets = sheets

    def persistent_load(self, reference: Any) -> NDArray[Any]:
        sheet, first, shape, strides, dtype, writeable = reference
        array: NDArray[Any] = np.ndarray(shape, dtype, self._sheets[sheet], first, strides)
        array.setflags(write=writeable and array.flags.writeable)
        return array


def _sheet_of(array: NDArray[Any]) -> Sheet | None:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, Sheet) else None
