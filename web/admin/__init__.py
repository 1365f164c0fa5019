"""Administration: plain pages that the server writes, for those who set a county up.

pages     who may open what, how a page is written and how an act is done once
forms     what a form sent
roster    teams, people and shifts, by the same commands as the API
county    the county at a glance and its agencies
zones     the county's own urban and rural areas, drawn (``drawing``) and compared before loading
policy    its versions; ``settings`` are its fields
users     accounts and what each may act as
tokens    what other systems may do
language  all words, from the catalogs in ``messages``
imports   CSV files: what would change, then changing it
"""
