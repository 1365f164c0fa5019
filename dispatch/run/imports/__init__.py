"""Entering a roster and accounts from files: one service for the command line and the pages.

rows      how a file becomes rows, a row a step, and steps something done
roster    teams and people, as rows mean them
shifts    planned shifts and their crews
accounts  accounts and what each may act as

What a dry run shows is prepared by the same code as what is then done.
"""
