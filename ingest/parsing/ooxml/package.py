"""The parts of an Office file: XML trees with short names, and the relations between parts."""

from dataclasses import dataclass
from posixpath import join, normpath
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from ingest.parsing.office_archive import READ_SUFFIXES

_FALSE = {"0", "false", "off"}


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference from one part to another, or to an address."""

    kind: str
    """The last word of the relation's type, such as `header` or `hyperlink`."""
    target: str
    """The path of the part, or the address if it is external."""
    is_external: bool = False


class Package:
    """An Office file that `open_office` checked. Its parts are read when they are asked for."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        # Some programs write references whose case differs from the names in the archive.
        names = (name for name in archive.namelist() if name.lower().endswith(READ_SUFFIXES))
        self._names = {name.lower(): name for name in names}
        self._known: dict[str, str] = {}
        self._relations: dict[str, dict[str, Relation]] = {}

    def name_of(self, part: str) -> str:
        """Return the name of a part in the archive, or "" if the part does not exist."""
        return self._names.get(part.lower(), "")

    def tree(self, part: str) -> Element | None:
        """Return the root of a part, or None if the part does not exist.

        Tags and attributes have no namespaces, which differ between strict and transitional files.
        Attributes that refer to relations begin with `r:`. Of alternative contents only the first choice remains.
        """
        name = self.name_of(part)
        if not name:
            return None
        root = ElementTree.fromstring(self._archive.read(name))
        known, short = self._known, self._short
        for element in root.iter():
            element.tag = known.get(element.tag) or short(element.tag)
            if keys := element.keys():
                attributes = element.attrib
                for key in keys:
                    attributes[known.get(f"@{key}") or short(key, "@")] = attributes.pop(key)
        for alternatives in list(root.iter("AlternateContent")):
            choices = [child for child in alternatives if child.tag == "Choice"] or list(alternatives)
            alternatives[:] = choices[:1]
        return root

    def content(self, part: str) -> bytes:
        """Return the bytes of a part, or nothing if the part does not exist."""
        name = self.name_of(part)
        return self._archive.read(name) if name else b""

    def relations(self, part: str) -> dict[str, Relation]:
        """Return the relations of a part by their ids. The package itself is the part ""."""
        # Each note asks for the relations of its part.
        if part not in self._relations:
            folder, _, file = part.rpartition("/")
            root = self.tree(join(folder, "_rels", f"{file}.rels"))
            children = () if root is None else root
            self._relations[part] = {child.get("Id", ""): _to_relation(child, folder) for child in children}
        return self._relations[part]

    def related(self, part: str, kind: str) -> list[str]:
        """Return the parts of one kind to which a part refers."""
        relations = self.relations(part).values()
        return [relation.target for relation in relations if relation.kind == kind and not relation.is_external]

    def referenced(self, part: str, id: str | None) -> Element | None:
        """Return the root of the part to which a part refers by the id of a relation."""
        relation = self.relations(part).get(id or "")
        return self.tree(relation.target) if relation and not relation.is_external else None

    def _short(self, name: str, kind: str = "") -> str:
        """Return a name without its namespace; attributes have the kind "@"."""
        namespace, _, short = name.rpartition("}")
        if kind and namespace.endswith("/relationships"):
            short = f"r:{short}"
        self._known[kind + name] = short
        return short


def is_on(element: Element | None) -> bool:
    """Return True for a switch such as `<w:strike/>`, unless its value turns it off."""
    return element is not None and element.get("val", "").lower() not in _FALSE


def is_on_attribute(value: str | None) -> bool:
    """Return True for an attribute that turns something on which is off without it."""
    return value in {"1", "true", "on"}


def number_of(value: str | None, default: int = 0) -> int:
    """Return an attribute's whole number. Damaged numbers are replaced by the default."""
    try:
        return int(value or default)
    except ValueError:
        return default


def hex_number_of(value: str | None) -> int:
    """Return an attribute's hexadecimal number. Damaged numbers are replaced by 0."""
    try:
        return int(value or "0", 16)
    except ValueError:
        return 0


def child_of(parent: Element | None, path: str) -> Element | None:
    return None if parent is None else parent.find(path)


def value_of(parent: Element | None, name: str, default: str = "") -> str:
    """Return the attribute `val` of a child element."""
    child = child_of(parent, name)
    return default if child is None else child.get("val", default)


def _to_relation(element: Element, folder: str) -> Relation:
    kind = element.get("Type", "").rpartition("/")[2]
    target = element.get("Target", "")
    if element.get("TargetMode") == "External":
        return Relation(kind, target, is_external=True)
    path = unquote(target.replace("\\", "/"))
    return Relation(kind, path.lstrip("/") if path.startswith("/") else normpath(join(folder, path)))
