"""Whose users may sign in: the only module that depends on the tenancy."""

{% if cookiecutter.tenancy == "single-tenant" %}
from registration import single_tenant as tenancy
{% elif cookiecutter.tenancy == "multi-tenant" %}
from registration import multi_tenant as tenancy
{% endif %}

__all__ = ["tenancy"]
