"""Who acts: a member with the roles it holds now."""

import msgspec

MEMBER_PREFIX = "member:"
ROLE_PREFIX = "role:"


class Actor(msgspec.Struct, frozen=True):
    """An authenticated member, as every use case receives it.

    A member id and a role never share a name space: Casbin would let a subject that is named
    like a role hold it.

    Args:
        member_id: the member's id, without a prefix.
        roles: the roles that the registry says it holds now; empty for one who may do nothing.
        sponsor_id: the operating partner through which an ecosystem partner acts.
        suspended: it reads its own past and acts on nothing, whatever its roles allow.
    """

    member_id: str
    roles: frozenset[str] = frozenset()
    sponsor_id: str | None = None
    suspended: bool = False

    @property
    def subject(self) -> str:
        """The Casbin subject, `member:<id>`."""
        return MEMBER_PREFIX + self.member_id
