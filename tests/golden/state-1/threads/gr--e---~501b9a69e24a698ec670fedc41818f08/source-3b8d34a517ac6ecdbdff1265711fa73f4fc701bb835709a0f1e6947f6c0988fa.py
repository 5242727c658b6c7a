# the workflow
