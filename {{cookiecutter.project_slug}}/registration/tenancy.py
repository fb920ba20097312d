"""Whose users may sign in: the one place that knows which of the two answers was given."""

{% if cookiecutter.tenancy == "single-tenant" %}
from registration import single_tenant as tenancy
{% elif cookiecutter.tenancy == "multi-tenant" %}
from registration import multi_tenant as tenancy
{% endif %}

__all__ = ["tenancy"]
