"""Wrong answers that students give: one module a chapter, each with a list `WRONG` of (exercise, answer, its hint)."""
