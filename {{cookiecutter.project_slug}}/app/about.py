"""The name and description of the service, for its OpenAPI document and its welcome."""

TITLE, DESCRIPTION = (
    {{ cookiecutter.project_name | python_string }},
    {{ cookiecutter.description | python_string }},
)
