"""The only package that speaks SQL: connections, migrations, named statements, the log.

Decides how facts are kept. Must not know the rules of dispatch; it stores what it is given.
"""
