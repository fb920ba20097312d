"""What the service is called, in its OpenAPI document and its welcome."""

TITLE, DESCRIPTION = (
    {{ cookiecutter.project_name | python_string }},
    {{ cookiecutter.description | python_string }},
)
