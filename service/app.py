"""The service, put together."""

from aiohttp import web

from loyalty.api_keys import Scope
from service import (
    boards,
    campaigns,
    claims,
    corrections,
    dialogs,
    events,
    handovers,
    members,
    parking,
    referrals,
    rewards,
    rights,
    rules,
    till,
    trail,
)
from service.context import CONTEXT, Context
from service.crm_hooks import accept as accept_from_crm
from service.gauges import Numbers
from service.handouts import fetch_file
from service.hooks import api as hooks
from service.hooks.payload import HookSamples
from service.metrics import METRICS, NUMBERS, Metrics
from service.middleware import current, errors, keyed, measured
from service.openapi import describe
from service.operations import follow_referral, healthz, metrics, readyz
from service.routes import Route, add_routes
from service.schemas import campaigns as b
from service.schemas import claims as c
from service.schemas import dialogs as d
from service.schemas import handovers as h
from service.schemas import hooks as k
from service.schemas import members as m
from service.schemas import programmes as p
from service.schemas import referrals as f
from service.schemas import rewards as r
from service.schemas import shops as s
from service.schemas.common import Nothing
from service.schemas.events import EventResult, ParkedPage
from service.schemas.rights import Erasure, Export
from service.schemas.trail import TrailPage
from service.shops import listing
from service.shops.accept import from_shopify, from_woocommerce

LARGEST_BODY = 5 * 1024 * 1024
PAGES = ("limit", "cursor")
MEMBER = "/v1/members/{ref}"
REDEMPTION = "/v1/redemptions/{id}"
HANDOVER = "/v1/handovers/{id}"
CAMPAIGN = "/v1/campaigns/{id}"
HOOK = "/v1/hooks/{id}"
DELIVERY = "/v1/shops/deliveries/{id}"

ROUTES = (
    Route("POST", "/v1/events", events.post_events, Scope.EVENTS,
          "Report what happened: one event, or a list of up to 1,000", EventResult),
    Route("GET", "/v1/events/parked", parking.get_parked, Scope.EVENTS,
          "Events that were refused and kept", ParkedPage, query=("state", *PAGES)),
    Route("POST", "/v1/events/parked/{id}/retry", parking.retry_parked, Scope.EVENTS,
          "Try a parked event again", EventResult),
    Route("POST", "/v1/events/parked/{id}/drop", parking.drop_parked, Scope.EVENTS,
          "Decide that a parked event is not to be taken", Nothing),
    Route("GET", "/v1/shops/deliveries", listing.get_deliveries, Scope.EVENTS,
          "What shops delivered and could not be worked off", s.ShopDeliveryPage, query=("state", *PAGES)),
    Route("GET", DELIVERY, listing.get_delivery, Scope.EVENTS, "One of them, with its words", s.ShopDeliveryWords),
    Route("POST", f"{DELIVERY}/retry", listing.retry_delivery, Scope.EVENTS,
          "Try a parked delivery again", s.ShopDeliveryOut),
    Route("POST", f"{DELIVERY}/drop", listing.drop_delivery, Scope.EVENTS,
          "Decide that a parked delivery is not to be taken", Nothing),
    Route("POST", "/v1/members", corrections.enrol, Scope.MEMBERS_WRITE, "Enrol somebody", m.MemberOut, m.Enrolment),
    Route("GET", MEMBER, members.get_member_view, Scope.MEMBERS_READ, "A member", m.MemberOut),
    Route("GET", f"{MEMBER}/ledger", members.get_ledger, Scope.MEMBERS_READ,
          "Her ledger, newest first", m.LedgerPage, query=PAGES),
    Route("GET", f"{MEMBER}/offers", rewards.get_offers, Scope.MEMBERS_READ, "What she can get", r.OffersOut),
    Route("POST", f"{MEMBER}/adjustments", corrections.adjust, Scope.MEMBERS_WRITE,
          "Give or take points by hand", m.Adjusted, m.Adjustment),
    Route("POST", f"{MEMBER}/consents", corrections.note_consent, Scope.MEMBERS_WRITE,
          "Note what she agreed to or withdrew", m.MemberOut, m.ConsentIn),
    Route("POST", f"{MEMBER}/tags", campaigns.tag, Scope.MEMBERS_WRITE,
          "Give her tags, or take some away", b.TagsOut, b.TagsIn),
    Route("POST", f"{MEMBER}/merge", corrections.merge, Scope.MEMBERS_WRITE,
          "Make two members one", m.MemberOut, m.Merge),
    Route("POST", f"{MEMBER}/leaderboards", boards.take_part, Scope.MEMBERS_WRITE,
          "Take part in leaderboards, or no longer", m.BoardName, m.BoardPart),
    Route("GET", f"{MEMBER}/export", rights.export_member, Scope.RIGHTS, "All that is known of her", Export),
    Route("POST", f"{MEMBER}/erasure", rights.erase_member, Scope.RIGHTS, "Forget her", Nothing, Erasure),
    Route("GET", "/v1/programmes", rules.get_programmes, Scope.PROGRAMMES, "Programmes in force", p.ProgrammesOut),
    Route("GET", "/v1/programmes/{id}", rules.get_programme, Scope.PROGRAMMES, "What a file says", p.ProgrammeOut),
    Route("GET", "/v1/revisions", rules.get_revisions, Scope.PROGRAMMES, "The rules there were", p.RevisionsOut),
    Route("POST", "/v1/dry-run", rules.get_dry_run, Scope.PROGRAMMES,
          "What an order would earn, and why", p.DryRunOut, p.DryRun),
    Route("GET", "/v1/rewards", rewards.get_rewards, Scope.REWARDS, "The rewards, with what is left", r.OffersOut),
    Route("POST", "/v1/redemptions", rewards.hold, Scope.REWARDS, "Set points aside", r.RedemptionOut, r.Hold),
    Route("GET", REDEMPTION, rewards.get_redemption, Scope.REWARDS, "A redemption", r.RedemptionOut),
    Route("POST", f"{REDEMPTION}/confirm", rewards.confirm, Scope.REWARDS,
          "Redeem what is held; a voucher comes out", r.RedemptionOut),
    Route("POST", f"{REDEMPTION}/void", rewards.void, Scope.REWARDS, "Give held points back", r.RedemptionOut),
    Route("POST", f"{REDEMPTION}/reverse", rewards.reverse, Scope.REVERSALS,
          "Undo a confirmed redemption", r.RedemptionOut, r.Reversal),
    Route("POST", "/v1/vouchers/validate", till.validate, Scope.TILL,
          "What a voucher is good for", r.VoucherState, r.VoucherQuery),
    Route("POST", "/v1/vouchers/consume", till.consume, Scope.TILL, "Use a voucher", r.VoucherUsed, r.VoucherUseIn),
    Route("POST", "/v1/vouchers/undo", till.undo, Scope.REVERSALS,
          "Undo the use of a voucher", r.VoucherState, r.VoucherUndo),
    Route("GET", "/v1/referrals", referrals.get_referrals, Scope.REFERRALS,
          "Who brought whom", f.ReferralPage, query=("state", *PAGES)),
    Route("GET", "/v1/referrals/numbers", referrals.get_numbers, Scope.REFERRALS,
          "Invited, joined, converted, rewarded, K-factor", f.NumbersOut),
    Route("GET", "/v1/reviews", referrals.get_reviews, Scope.REVIEWS,
          "Referrals that wait for a decision", f.ReferralPage, query=PAGES),
    Route("POST", "/v1/reviews/{id}", referrals.decide, Scope.REVIEWS,
          "Decide about a referral", f.ReferralRow, f.Decision),
    Route("POST", "/v1/reviews/{id}/appeal", referrals.appeal, Scope.REVIEWS,
          "Have a rejected referral looked at again", f.ReferralRow, f.Appeal),
    Route("GET", "/v1/dialogs/{id}/answers", dialogs.get_answers, Scope.MEMBERS_READ,
          "What members answered to a dialog", d.AnswersPage, query=PAGES),
    Route("GET", "/v1/claims", claims.get_claims, Scope.REVIEWS,
          "Points that members miss", c.ClaimPage, query=("state", *PAGES)),
    Route("POST", "/v1/claims/{id}", claims.decide, Scope.REVIEWS,
          "Decide about points that a member misses", c.ClaimDecided, c.ClaimDecision),
    Route("GET", f"{MEMBER}/share", referrals.get_share, Scope.MEMBERS_READ, "What she passes on", f.ShareOut),
    Route("GET", "/v1/leaderboards/{id}", boards.get_board, Scope.MEMBERS_READ,
          "A leaderboard", f.BoardOut, query=("which",)),
    Route("GET", "/v1/handovers", handovers.get_handovers, Scope.HANDOVERS,
          "Customers who asked for a person", h.HandoverPage, query=("state", *PAGES)),
    Route("GET", HANDOVER, handovers.get_handover, Scope.HANDOVERS,
          "One of them, with what was said", h.HandoverDetail),
    Route("POST", f"{HANDOVER}/take", handovers.take, Scope.HANDOVERS, "Take care of her", h.HandoverOut, h.Take),
    Route("POST", f"{HANDOVER}/message", handovers.write, Scope.HANDOVERS,
          "Write to her", h.HandoverOut, h.StaffMessage),
    Route("POST", f"{HANDOVER}/done", handovers.finish, Scope.HANDOVERS,
          "Hand her back to the bot", h.HandoverOut, h.Take),
    Route("POST", "/v1/hooks", hooks.subscribe, Scope.HOOKS,
          "Subscribe an address to what happens", k.HookCreated, k.Subscribe, status=201),
    Route("GET", "/v1/hooks", hooks.get_hooks, Scope.HOOKS, "The hooks", k.HookPage, query=PAGES),
    Route("GET", "/v1/hooks/sample", hooks.get_samples, Scope.HOOKS,
          "What deliveries look like", HookSamples, query=("event",)),
    Route("GET", HOOK, hooks.get_hook, Scope.HOOKS, "A hook", k.HookOut),
    Route("DELETE", HOOK, hooks.unsubscribe, Scope.HOOKS, "End a hook", Nothing),
    Route("POST", f"{HOOK}/test", hooks.test, Scope.HOOKS, "Send it a sample", k.DeliveryOut),
    Route("POST", f"{HOOK}/rotate", hooks.rotate, Scope.HOOKS, "Give it a new secret", k.HookSecret, k.Rotate),
    Route("POST", f"{HOOK}/resume", hooks.resume, Scope.HOOKS, "Let a paused hook go on", k.HookOut),
    Route("GET", f"{HOOK}/deliveries", hooks.get_deliveries, Scope.HOOKS,
          "What a hook was told", k.DeliveryPage, query=("state", *PAGES)),
    Route("POST", f"{HOOK}/replay", hooks.replay_dead, Scope.HOOKS,
          "Send everything again that was given up", k.Replayed),
    Route("POST", "/v1/hooks/deliveries/{id}/replay", hooks.replay, Scope.HOOKS,
          "Send a delivery again", k.DeliveryOut),
    Route("GET", "/v1/campaigns", campaigns.get_campaigns, Scope.CAMPAIGNS, "Campaigns, newest first", b.CampaignsOut),
    Route("GET", CAMPAIGN, campaigns.get_report, Scope.CAMPAIGNS, "What came of a campaign", b.CampaignReport),
    Route("POST", f"{CAMPAIGN}/start", campaigns.start, Scope.CAMPAIGNS,
          "Let a planned campaign begin", b.CampaignOut, b.Operator),
    Route("POST", f"{CAMPAIGN}/pause", campaigns.pause, Scope.CAMPAIGNS,
          "Send no more of it for now", b.CampaignOut, b.Operator),
    Route("POST", f"{CAMPAIGN}/resume", campaigns.resume, Scope.CAMPAIGNS,
          "Let it go on", b.CampaignOut, b.Operator),
    Route("POST", f"{CAMPAIGN}/stop", campaigns.stop, Scope.CAMPAIGNS,
          "End it for good", b.CampaignOut, b.Operator),
    Route("GET", "/v1/trail", trail.get_trail, Scope.TRAIL, "Who did what", TrailPage, query=("subject", *PAGES)),
)  # fmt: skip


def build_app(context: Context, *, version: str) -> web.Application:
    """The aiohttp application of the service."""
    app = web.Application(middlewares=[measured, errors, keyed, current], client_max_size=LARGEST_BODY)
    app[CONTEXT] = context
    app[METRICS] = Metrics()
    app[NUMBERS] = Numbers(context.store)
    document = describe(version, ROUTES)

    async def openapi(_request: web.Request) -> web.Response:
        return web.json_response(document)

    add_routes(app, ROUTES)
    app.add_routes(
        [
            web.get("/r/{code}", follow_referral),
            web.get("/h/{token}/{name}", fetch_file),
            web.post("/webhooks/shopify", from_shopify),
            web.post("/webhooks/crm/{system}", accept_from_crm),
            web.post("/webhooks/woocommerce", from_woocommerce),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            web.get("/openapi.json", openapi),
        ]
    )
    return app
