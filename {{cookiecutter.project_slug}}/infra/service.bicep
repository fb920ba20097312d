// The service, with its registry, identity, log and environment.
param name string
param location string
param image string
{% if cookiecutter.storage == "database" %}
param migrationImage string
{% endif %}
param settings array

var unique = uniqueString(resourceGroup().id)
// AcrPull, which can pull images.
var pullImages = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${name}'
  location: location
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: 'cr${unique}'
  location: location
  sku: { name: 'Basic' }
  properties: { adminUserEnabled: false }
}

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, identity.id, pullImages)
  scope: registry
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: pullImages
  }
}

resource log 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${name}'
  location: location
  properties: { sku: { name: 'PerGB2018' }, retentionInDays: 30 }
}

resource apps 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: 'cae-${name}'
  location: location
  properties: { appLogsConfiguration: { destination: 'azure-monitor' } }
}

resource toLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log'
  scope: apps
  properties: {
    workspaceId: log.id
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}
{% if cookiecutter.storage == "database" %}

module database 'database.bicep' = {
  name: 'database'
  params: {
    name: 'psql-${name}-${unique}'
    location: location
    identityName: identity.name
    identityPrincipalId: identity.properties.principalId
  }
}
{% endif %}

var identities = { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
var registries = [{ server: registry.properties.loginServer, identity: identity.id }]
{% if cookiecutter.storage == "database" %}
var env = concat(settings, [
  { name: 'DATABASE_URL', value: database.outputs.url }
  // The identity that signs in to the database.
  { name: 'AZURE_CLIENT_ID', value: identity.properties.clientId }
])
{% endif %}

resource app 'Microsoft.App/containerApps@2025-01-01' = if (!empty(image)) {
  name: 'ca-${name}'
  location: location
  identity: identities
  dependsOn: [mayPull]
  properties: {
    environmentId: apps.id
    configuration: {
      activeRevisionsMode: 'Single'
      registries: registries
      ingress: { external: true, targetPort: 8000, transport: 'http', allowInsecure: false }
    }
    template: {
      // Longer than the service needs to stop: see docs/operations.md.
      terminationGracePeriodSeconds: 30
      containers: [
        {
          name: 'api'
          image: image
{% if cookiecutter.mcp %}
          env: concat({{ "env" if cookiecutter.storage == "database" else "settings" }}, [
            { name: 'PUBLIC_URL', value: 'https://ca-${name}.${apps.properties.defaultDomain}' }
          ])
{% elif not cookiecutter.mcp %}
          env: {{ "env" if cookiecutter.storage == "database" else "settings" }}
{% endif %}
          resources: { cpu: json('0.5'), memory: '1Gi' }
          probes: [
            { type: 'Liveness', httpGet: { path: '/health/live', port: 8000 }, periodSeconds: 15, timeoutSeconds: 5 }
            { type: 'Readiness', httpGet: { path: '/health/ready', port: 8000 }, periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 1 }
          ]
        }
      ]
{% if cookiecutter.storage == "database" %}
      // Each replica opens at most 10 connections; the smallest database accepts 35.
      scale: { minReplicas: 2, maxReplicas: 3 }
{% elif cookiecutter.storage == "memory" %}
      // The todos are in the memory of one process.
      scale: { minReplicas: 1, maxReplicas: 1 }
{% endif %}
    }
  }
}
{% if cookiecutter.storage == "database" %}

resource migration 'Microsoft.App/jobs@2025-01-01' = if (!empty(migrationImage)) {
  name: 'job-${name}-migrate'
  location: location
  identity: identities
  dependsOn: [mayPull]
  properties: {
    environmentId: apps.id
    configuration: {
      triggerType: 'Manual'
      manualTriggerConfig: { parallelism: 1, replicaCompletionCount: 1 }
      replicaTimeout: 600
      registries: registries
    }
    template: {
      containers: [
        {
          name: 'migration'
          image: migrationImage
          command: ['alembic', 'upgrade', 'head']
          env: env
          resources: { cpu: json('0.5'), memory: '1Gi' }
        }
      ]
    }
  }
}
{% endif %}

output registry string = registry.properties.loginServer
output uri string = empty(image) ? '' : 'https://${app!.properties.configuration.ingress.fqdn}'
{% if cookiecutter.storage == "database" %}
output migrationJob string = empty(migrationImage) ? '' : migration.name
{% endif %}
