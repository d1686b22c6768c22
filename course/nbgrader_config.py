"""nbgrader's settings for this course."""

c = get_config()
c.CourseDirectory.course_id = "mffcn_lite"
c.ClearSolutions.code_stub = {"python": ""}  # the stub stands before the solution
c.OverwriteCells.add_missing_cells = True  # a test that was deleted comes back
c.Execute.timeout = 120  # seconds a cell; the slowest check takes six on a free core
c.LimitOutput.max_lines = 200
