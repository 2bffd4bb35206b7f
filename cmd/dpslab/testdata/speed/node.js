// One device through Microsoft's packages: an individual enrollment, registration
// over HTTP, COUNT messages over HTTP. Its certificate is made before.
'use strict';
const fs = require('fs');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http: ProvisioningHttp } = require('azure-iot-provisioning-device-http');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { X509Security } = require('azure-iot-security-x509');
const { Client, Message } = require('azure-iot-device');
const { Http: DeviceHttp } = require('azure-iot-device-http');

const who = { cert: fs.readFileSync(process.env.CERTIFICATE_FILE, 'utf8'), key: fs.readFileSync(process.env.KEY_FILE, 'utf8') };
const id = process.env.REGISTRATION_ID;

(async () => {
  const service = ProvisioningServiceClient.fromConnectionString(process.env.DPS_CONNECTION_STRING);
  await service.createOrUpdateIndividualEnrollment({
    registrationId: id, attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: who.cert } } } },
  });
  const provisioning = ProvisioningDeviceClient.create('global.azure-devices-provisioning.net', process.env.ID_SCOPE, new ProvisioningHttp(), new X509Security(id, who));
  const assigned = await provisioning.register();
  const client = Client.fromConnectionString(`HostName=${assigned.assignedHub};DeviceId=${assigned.deviceId};x509=true`, DeviceHttp);
  await client.setOptions({ ...who, http: { receivePolicy: { interval: 1 } } });
  const begin = process.hrtime.bigint();
  for (let n = 0; n < Number(process.env.COUNT); n++) await client.sendEvent(new Message('{"temperature": 30}'));
  console.log(Number(process.hrtime.bigint() - begin) / 1e6); // ms for the messages alone
  process.exit(0);
})().catch((e) => { console.error(e); process.exit(1); });
