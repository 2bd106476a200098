"""djangae, Google Cloud Tasks and a web server that runs the tasks."""
