"""The pages' sources and the tools that build, check and describe them; not part of the wheel."""
