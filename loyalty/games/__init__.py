"""Quizzes and the wheel, drawn so that anybody can check it afterwards."""
