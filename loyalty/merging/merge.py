"""Two members who turned out to be one person become one, as if she had been one from the start.

Everything that was reported of both is told of the kept one; what it earned is judged anew, since a first order, a cap
or a level may look different then; points, debt and gifts follow. The other row stays and names whom it became.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from loyalty import trail
from loyalty.books import ledger
from loyalty.books.points import Books
from loyalty.errors import Invalid, Refused
from loyalty.ids import Cause, MemberId, RedemptionId
from loyalty.levels import progress, scores
from loyalty.merging import belongings, friendships, trophies
from loyalty.news import because
from loyalty.orders.earned import settle_all
from loyalty.people.consents import MARKETING, consents_of
from loyalty.people.members import family, kept
from loyalty.programme import Programme
from loyalty.rewards import redemptions
from loyalty.tables import Activity, Member, Purchase, Redemption, Referral


def merge(
    session: Session, programme: Programme, keep: MemberId, other: MemberId, *, author: str, reason: str, now: datetime
) -> bool:
    """Merge `other` into `keep`. True if this call did it, False if they were one before.

    Her chat is another room's: `conversation.caring.rights.follow`, in the same transaction. `author` and `reason` go
    to the trail, which is kept for ever: they do not name her. Raises `Invalid`, and `Refused("erased")`.
    """
    mine, theirs = (kept(session, session.get_one(Member, one)) for one in (keep, other))
    if mine.id == theirs.id:
        return False
    if not mine.programme_id == theirs.programme_id == programme.id:
        raise Invalid("only members of one programme can be the same person", field="other")
    if mine.erased_at is not None or theirs.erased_at is not None:
        raise Refused("erased", "the person was erased at her own wish")
    to, of = MemberId(mine.id), MemberId(theirs.id)
    locked = {to, of, *_referrers(session, to, of)}
    ledger.lock_all(session, locked)
    session.refresh(mine)
    session.refresh(theirs)
    if mine.merged_into is not None or theirs.merged_into is not None:  # somebody was faster
        return merge(session, programme, to, of, author=author, reason=reason, now=now)
    books, others = Books(session, programme.id, to, now), Books(session, programme.id, of, now)
    cause = Cause(f"merge:{of}")
    because(session, to, "merge")
    _void_holds(session, programme, of, now)
    friendships.make_one(session, programme, to, of, locked, author=author, now=now)
    _keep_one_joining_gift(books, others, mine, theirs, cause)
    trophies.pool(programme, books, others)
    belongings.move(session, mine, theirs)
    others.give_to(books, cause_out=Cause(f"{cause}:out"), cause_in=Cause(f"{cause}:in"), memo={"from": of, "to": to})
    books.pay_off(cause=Cause(f"{cause}:debt"), memo={})
    _become_one(session, mine, theirs)
    settle_all(books, programme, cause=cause)
    _extend(books, programme)
    progress.update(books, programme)
    friendships.settle(session, programme, to, locked, now=now)
    detail = {"merged": of, "reason": reason}
    trail.note(session, programme.id, actor=author, action="member.merged", subject=to, detail=detail, now=now)
    session.flush()
    return True


def _void_holds(session: Session, programme: Programme, of: MemberId, now: datetime) -> None:
    """What is on hold is in the other one's ledger: it is given back, so that it can go along."""
    held = select(Redemption.id).where(Redemption.member_id == of, Redemption.state == "held")
    for redemption in session.scalars(held).all():
        redemptions.void(session, programme, RedemptionId(redemption), now=now)


def _keep_one_joining_gift(books: Books, others: Books, mine: Member, theirs: Member, cause: Cause) -> None:
    """She joined once, when she joined first; what the other joining gave is taken back."""
    if mine.joined_at is None or theirs.joined_at is None:
        return
    had = [_joining_gifts(one) for one in (books, others)]
    if not all(had):
        return
    later = books if (mine.joined_at, mine.id) > (theirs.joined_at, theirs.id) else others
    for origin, points in _joining_gifts(later):
        later.take_back(points, cause=Cause(f"{cause}:join"), kind="correction", origin=origin, memo={})


def _joining_gifts(books: Books) -> list[tuple[Cause, int]]:
    """What she has from joining: one gift at most, perhaps of somebody who was merged into her before."""
    origins = [Cause(f"join:{one}") for one in family(books.session, books.member)]
    return [(origin, points) for origin in origins if (points := books.granted(origin)) > 0]


def _become_one(session: Session, mine: Member, theirs: Member) -> None:
    """What is known of her as a person; her newest word about promotional messages is what counts."""
    name, birthday, board_name = theirs.name, theirs.birthday, theirs.board_name
    theirs.name = theirs.birthday = theirs.board_name = None
    session.flush()  # a name on boards is one member's at a time
    mine.name, mine.birthday = mine.name or name, mine.birthday or birthday
    mine.birthday_at = max((at for at in (mine.birthday_at, theirs.birthday_at) if at is not None), default=None)
    theirs.birthday_at = None
    mine.board_name = mine.board_name or board_name
    if theirs.language_chosen and not mine.language_chosen:
        mine.language, mine.language_chosen = theirs.language, True
    mine.customer_before = mine.customer_before or theirs.customer_before
    mine.created_at = min(mine.created_at, theirs.created_at)
    mine.joined_at = min((one.joined_at for one in (mine, theirs) if one.joined_at is not None), default=None)
    part = consents_of(session, MemberId(mine.id), purpose=scores.PURPOSE)
    if part and not part[-1].given:
        mine.board_name = None
    words = consents_of(session, MemberId(mine.id), purpose=MARKETING)
    mine.marketing_opt_in = words[-1].given if words else mine.marketing_opt_in or theirs.marketing_opt_in
    theirs.marketing_opt_in, theirs.merged_into = False, mine.id
    session.flush()
    session.execute(
        update(Member)
        .where(Member.merged_into == theirs.id)
        .values(merged_into=mine.id)
        .execution_options(synchronize_session=False)
    )


def _extend(books: Books, programme: Programme) -> None:
    """Where doing something gives all points their full life again, what either did last does it for all."""
    if not programme.earning.extend_on_activity:
        return
    last = [
        books.session.scalar(select(func.max(table.occurred_at)).where(table.member_id == books.member))
        for table in (Purchase, Activity)
    ]
    newest = max((at for at in last if at is not None), default=None)
    if newest is not None and (until := programme.earning.expires_at(newest, programme.zone)) is not None:
        books.extend(until)


def _referrers(session: Session, to: MemberId, of: MemberId) -> set[MemberId]:
    brought = select(Referral.referrer_id).where(Referral.referee_id.in_((to, of)))
    return {MemberId(referrer) for referrer in session.scalars(brought)}
