"""Administration: plain pages that the server writes, for those who set a county up.

pages     who may open what, how a page is written and how an act is done once
forms     what a form sent
roster    teams, people and shifts, by the same commands as the API
county    the county, its agencies and its policy
users     accounts and what each may act as
imports   CSV files: what would change, then changing it
"""
