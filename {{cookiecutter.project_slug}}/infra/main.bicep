// A resource group with everything that the service needs.
targetScope = 'subscription'

@description('The name of the azd environment.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('The region of every resource.')
param location string

@description('The image to run; empty until you have built one.')
param image string = ''
{% if cookiecutter.storage == "database" %}

@description('The image that migrates the database, before it becomes the one to run.')
param migrationImage string = ''
{% endif %}

{% if cookiecutter.tenancy == "single-tenant" %}
@description('The tenant whose users may sign in.')
param entraTenantId string
{% elif cookiecutter.tenancy == "multi-tenant" %}
@description('The tenants whose users may sign in, separated by commas.')
param allowedTenantIds string
{% endif %}

@description('The client id of the API.')
param apiClientId string

@description('The client id of the docs page.')
param swaggerUiClientId string

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: { 'azd-env-name': environmentName }
}

module service 'service.bicep' = {
  name: 'service'
  scope: group
  params: {
    name: '{{ (cookiecutter.project_slug.split("-") | select | join("-"))[:16].rstrip("-") }}'
    location: location
    image: image
{% if cookiecutter.storage == "database" %}
    migrationImage: migrationImage
{% endif %}
    settings: [
{% if cookiecutter.tenancy == "single-tenant" %}
      { name: 'ENTRA_TENANT_ID', value: entraTenantId }
{% elif cookiecutter.tenancy == "multi-tenant" %}
      { name: 'ALLOWED_TENANT_IDS', value: allowedTenantIds }
{% endif %}
      { name: 'API_CLIENT_ID', value: apiClientId }
      { name: 'SWAGGER_UI_CLIENT_ID', value: swaggerUiClientId }
      // Only the proxy of Container Apps can reach the container.
      { name: 'FORWARDED_ALLOW_IPS', value: '*' }
    ]
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output REGISTRY string = service.outputs.registry
output SERVICE_URI string = service.outputs.uri
{% if cookiecutter.storage == "database" %}
output MIGRATION_JOB string = service.outputs.migrationJob
{% endif %}
