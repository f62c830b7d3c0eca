"""The demo: three companies with real account lists, five people, and something going on between them.

Everything is done by the acts that the pages call, so the trail, the mails and the overlaps are real.
"""

LOGINS = [
    ("maya@brightloom.example", "cosell-demo", "owns Brightloom, which has two partners"),
    ("tom@kestreldata.example", "cosell-demo", "owns Kestrel Data, a partner of Brightloom"),
    ("dara@brightloom.example", "cosell-demo", "works in all three workspaces"),
]
