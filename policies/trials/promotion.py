"""What policy would be if the rules that are only tried were in force."""

from policies.cedar.rules import read
from policies.decider import SHADOW, PolicyTexts


def promoted(texts: PolicyTexts) -> PolicyTexts:
    """`shadow.cedar` moved to where it counts: what names approvers asks, the rest decides. What is
    wrong with a rule keeps it in the shadow, where it is found when the policy is loaded.
    """
    found, wrong = read(SHADOW, texts.shadow)
    if wrong:
        return texts
    asking = [rule.text for rule in found if rule.rule.effect == "approval"]
    deciding = [rule.text for rule in found if rule.rule.effect != "approval"]
    return PolicyTexts(
        authorize="\n".join([texts.authorize, *deciding]),
        approvals="\n".join([texts.approvals, *asking]),
    )
