"""The words of invitations, and of the form that a visitor fills in: (English, Chinese) by key."""

from __future__ import annotations

INVITATION_WORDS: dict[str, tuple[str, str]] = {
    "invitations": ("Invitations", "来访邀请"),
    "invitation": ("Invitation", "来访邀请"),
    "invitation.host": ("to see", "被访人"),
    "invitation.new": ("Invite somebody by a link", "发送邀请链接"),
    "invitation.make": ("Make the link", "生成链接"),
    "invitation.send": (
        "Send this link to the visitor by any messenger: they fill in the form themselves, then somebody here decides.",
        "请将此链接发给访客：访客自行填写，提交后由本厂审批。",
    ),
    "invitation.waiting": ("Wait for your word", "待审批"),
    "invitation.none": ("Nobody waits.", "没有待审批的访客。"),
    "invitation.sent": ("Sent, not filled in yet", "已发出，尚未填写"),
    "invitation.approve": ("Let them come", "同意来访"),
    "invitation.approved": (
        "They may come: the link that they filled in shows their code now, and Visitors lists them.",
        "已同意：访客再次打开链接即可看到通行码，名单见“访客”。",
    ),
    "invitation.refuse": ("Refuse", "拒绝"),
    "invitation.take-back": ("Take back", "撤回"),
    "invitation.listed": (
        "Was in a listed area: gates refuse them even if you approve.",
        "到过疫情较重地区：即使批准，门岗仍会拦下。",
    ),
    "visit": ("Register your visit", "来访登记"),
    "visit.name": ("Your name", "姓名"),
    "visit.telephone": ("Telephone", "电话"),
    "visit.company": ("Company", "单位"),
    "visit.reason": ("Why you come", "来访事由"),
    "visit.plate": ("Number plate, if you drive in", "车牌（驾车入厂时填写）"),
    "visit.true": (
        "I declare that this is true. It is used for the control of the epidemic, and erased after some months.",
        "以上情况属实。信息仅用于疫情防控，到期删除。",
    ),
    "visit.send": ("Send", "提交"),
    "visit.stored": ("Stored", "已提交"),
    "visit.wait": (
        "Wait for the site's word. Open this link again: your QR code will be here, and is your badge at the gate.",
        "请等待审批。审批后再次打开本链接即可看到二维码，凭二维码通行。",
    ),
    "visit.change": ("Change what I said", "修改信息"),
    "visit.refused": ("You cannot come this time", "本次来访未获批准"),
    "visit.call-host": ("Call your host for the reason.", "请与被访人联系。"),
    "visit.over": ("This invitation is over. Ask your host for a new one.", "邀请已过期，请向被访人重新索取。"),
    "denied.no-visit": ("This link is not good, or no longer.", "链接无效或已失效。"),
}
