"""nbgrader's settings for this course."""

c = get_config()
c.CourseDirectory.course_id = "mffcn_lite"
c.ClearSolutions.code_stub = {"python": ""}  # the stub stands before the solution
