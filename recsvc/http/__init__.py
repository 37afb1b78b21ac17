"""Recommendations over HTTP: `app.create_app` makes the Flask application, `server.run` serves it with several workers.

Nothing is imported here: the process that starts the workers does without Flask and the model.
"""
