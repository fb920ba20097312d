// PostgreSQL without passwords: the identity of the service is the administrator.
param name string
param location string
param identityName string
param identityPrincipalId string

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2025-08-01' = {
  name: name
  location: location
  sku: { name: 'Standard_B1ms', tier: 'Burstable' }
  properties: {
    version: '17'
    storage: { storageSizeGB: 32 }
    backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' }
    highAvailability: { mode: 'Disabled' }
    authConfig: {
      activeDirectoryAuth: 'Enabled'
      passwordAuth: 'Disabled'
      tenantId: subscription().tenantId
    }
  }

  resource todos 'databases' = {
    name: 'todos'
  }

  // Admits all of Azure, not only this service. Remove it if you use a private network.
  resource fromAzure 'firewallRules' = {
    name: 'from-azure'
    properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
  }

  resource administrator 'administrators' = {
    name: identityPrincipalId
    // The server accepts one change at a time.
    dependsOn: [todos, fromAzure]
    properties: {
      principalName: identityName
      principalType: 'ServicePrincipal'
      tenantId: subscription().tenantId
    }
  }
}

output url string = 'postgresql+psycopg://${identityName}@${server.properties.fullyQualifiedDomainName}/todos?sslmode=require'
