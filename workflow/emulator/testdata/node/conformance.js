// Calls the lab through Microsoft's own packages. Each check prints one JSON
// line: {"name": …, "error": … or null}. What is expected to fail is checked for
// how it fails.
'use strict';
const assert = require('assert');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http: ProvisioningHttp } = require('azure-iot-provisioning-device-http');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { X509Security } = require('azure-iot-security-x509');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { Client, Message } = require('azure-iot-device');
const { Http: DeviceHttp } = require('azure-iot-device-http');
const { NoRetry } = require('azure-iot-common');
const { Registry } = require('azure-iothub');

const lab = JSON.parse(process.env.LAB);
const service = ProvisioningServiceClient.fromConnectionString(lab.service);
const registry = Registry.fromConnectionString(lab.hub);

const checks = [];
const check = (name, run) => checks.push({ name, run });

async function refused(promise, status) {
  let error;
  try { await promise; } catch (e) { error = e; }
  assert(error, 'it was not refused');
  const response = error.response || (error.result && error.result.response) || {};
  const got = response.statusCode || error.statusCode || (error.response && error.response.status);
  if (status) assert.strictEqual(got, status, `${error.name}: ${error.message}`);
  return error;
}

// Some methods keep their promise only when they are given a callback, and a
// query goes on to its next page only with one.
const called = (run) => new Promise((resolve, reject) => run((err, result) => (err ? reject(err) : resolve(result))));
const nextOf = (query, verb = 'next') => called((done) => query[verb](done));

const register = (security, payload) => {
  const client = ProvisioningDeviceClient.create(lab.deviceHost, lab.scope, new ProvisioningHttp(), security);
  if (payload) client.setProvisioningPayload(payload);
  return client.register();
};
const x509 = (id, who) => new X509Security(id, { cert: who.cert, key: who.key });

function device(connectionString, who) {
  const client = Client.fromConnectionString(connectionString, DeviceHttp);
  client.setRetryPolicy(new NoRetry());
  // Over HTTP, setting options ends only where a receive policy is among them.
  const options = { http: { receivePolicy: { interval: 1 } } };
  return client.setOptions(who ? { cert: who.cert, key: who.key, ...options } : options).then(() => client);
}

// ---- DPS service API

const individual = (id) => ({
  registrationId: id, deviceId: 'hub-' + id,
  attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: lab.device.cert } } } },
  initialTwin: { tags: { site: 'x' }, properties: { desired: { period: 30 } } },
});

check('individual enrollment: create, get, update, etag', async () => {
  const made = (await service.createOrUpdateIndividualEnrollment(individual(lab.device.id))).responseBody;
  assert.strictEqual(made.provisioningStatus, 'enabled');
  const got = (await service.getIndividualEnrollment(lab.device.id)).responseBody;
  assert.strictEqual(got.etag, made.etag);
  got.deviceId = 'renamed';
  got.attestation = individual(lab.device.id).attestation;
  const updated = (await service.createOrUpdateIndividualEnrollment(got)).responseBody;
  assert.strictEqual(updated.deviceId, 'renamed');
  assert.notStrictEqual(updated.etag, made.etag);
  await refused(service.createOrUpdateIndividualEnrollment(got), 412);
});

check('individual enrollment: keys', async () => {
  await service.createOrUpdateIndividualEnrollment({ registrationId: 'key-1', attestation: { type: 'symmetricKey' } });
  const hidden = (await service.getIndividualEnrollment('key-1')).responseBody;
  assert(!hidden.attestation.symmetricKey || !hidden.attestation.symmetricKey.primaryKey);
  const shown = (await service.getIndividualEnrollmentAttestationMechanism('key-1')).responseBody;
  assert.strictEqual(Buffer.from(shown.symmetricKey.primaryKey, 'base64').length, 64);
});

check('individual enrollment: query by pages, bulk, delete', async () => {
  const bulk = (mode) => called((done) => service.runBulkEnrollmentOperation({
    mode, enrollments: ['bulk-1', 'bulk-2', 'bulk-3'].map((id) => ({ registrationId: id, attestation: { type: 'symmetricKey' } })),
  }, done));
  assert.strictEqual((await bulk('create')).isSuccessful, true);
  const again = await bulk('create');
  assert.strictEqual(again.isSuccessful, false);
  assert.strictEqual(again.errors.length, 3);
  const query = service.createIndividualEnrollmentQuery({ query: '*' }, 2);
  const seen = [];
  while (query.hasMoreResults) seen.push(...(await nextOf(query)).map((e) => e.registrationId));
  assert(seen.includes('bulk-3') && seen.includes('key-1'), String(seen));
  assert.strictEqual((await bulk('delete')).isSuccessful, true);
  await refused(service.getIndividualEnrollment('bulk-1'), 404);
  await refused(service.deleteIndividualEnrollment('bulk-1'), 404);
});

check('enrollment group: create, get, keys, query', async () => {
  const made = (await service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'line', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: lab.signer } } } },
  })).responseBody;
  assert.strictEqual((await service.getEnrollmentGroup('LINE')).responseBody.etag, made.etag);
  await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'keys', attestation: { type: 'symmetricKey' } });
  const shown = (await service.getEnrollmentGroupAttestationMechanism('keys')).responseBody;
  assert(shown.symmetricKey.secondaryKey);
  const query = service.createEnrollmentGroupQuery({ query: '*' });
  assert.strictEqual((await nextOf(query)).length, 2);
});

check('a wrong key is refused', async () => {
  const stranger = ProvisioningServiceClient.fromConnectionString(lab.service.replace(/SharedAccessKey=.*/, 'SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='));
  await refused(stranger.getIndividualEnrollment(lab.device.id), 401);
});

// ---- DPS device API

check('register by X.509, individual', async () => {
  const r = await register(x509(lab.device.id, lab.device));
  assert.deepStrictEqual([r.status, r.substatus, r.assignedHub, r.deviceId], ['assigned', 'initialAssignment', lab.hubHost, 'renamed']);
});

check('register by X.509, group', async () => {
  const r = await register(x509(lab.member.id, lab.member));
  assert.deepStrictEqual([r.status, r.deviceId], ['assigned', lab.member.id]);
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'line');
  assert.strictEqual((await nextOf(query))[0].registrationId, lab.member.id);
});

check('register by symmetric key, individual and group', async () => {
  const one = (await service.getIndividualEnrollmentAttestationMechanism('key-1')).responseBody.symmetricKey;
  assert.strictEqual((await register(new SymmetricKeySecurityClient('key-1', one.secondaryKey))).status, 'assigned');
  const group = (await service.getEnrollmentGroupAttestationMechanism('keys')).responseBody.symmetricKey;
  const derived = require('crypto').createHmac('sha256', Buffer.from(group.primaryKey, 'base64')).update('member-7').digest('base64');
  assert.strictEqual((await register(new SymmetricKeySecurityClient('member-7', derived))).deviceId, 'member-7');
  await refused(register(new SymmetricKeySecurityClient('member-8', derived)));
});

check('a payload comes back from the webhook', async () => {
  const made = (await service.createOrUpdateIndividualEnrollment({
    registrationId: 'custom-1', attestation: { type: 'symmetricKey' }, allocationPolicy: 'custom',
    customAllocationDefinition: { webhookUrl: lab.webhook, apiVersion: '2021-10-01' },
  })).responseBody;
  const r = await register(new SymmetricKeySecurityClient('custom-1', made.attestation.symmetricKey.primaryKey), { ask: 1 });
  assert.deepStrictEqual(r.payload, { answer: 42 });
});

for (const who of ['stranger', 'expired', 'authority', 'noSignature', 'unverified']) {
  check('register is refused: ' + who, async () => {
    const error = await refused(register(x509(lab[who].id, lab[who])));
    assert(/401|[Uu]nauthorized|Invalid certificate|CA certificate not found/.test(error.message + error.name + JSON.stringify(error.result || '')), error.message);
  });
}

check('a disabled enrollment is refused', async () => {
  const e = (await service.getIndividualEnrollment('key-1')).responseBody;
  e.provisioningStatus = 'disabled';
  await service.createOrUpdateIndividualEnrollment(e);
  const key = (await service.getIndividualEnrollmentAttestationMechanism('key-1')).responseBody.symmetricKey.primaryKey;
  await refused(register(new SymmetricKeySecurityClient('key-1', key)));
  assert.strictEqual((await service.getDeviceRegistrationState('key-1')).responseBody.status, 'disabled');
});

check('registration records: get and delete', async () => {
  const state = (await service.getDeviceRegistrationState(lab.member.id)).responseBody;
  assert.strictEqual(state.status, 'assigned');
  await service.deleteDeviceRegistrationState(lab.member.id);
  await refused(service.getDeviceRegistrationState(lab.member.id), 404);
});

// ---- IoT Hub, as a device

check('send by X.509: one and a batch', async () => {
  const client = await device(`HostName=${lab.hubHost};DeviceId=renamed;x509=true`, lab.device);
  const message = new Message(JSON.stringify({ temperature: 20 }));
  message.contentType = 'application/json';
  message.properties.add('level', 'high');
  await client.sendEvent(message);
  await client.sendEventBatch([new Message('one'), new Message('two')]);
  await client.close();
});

check('send is refused: another certificate', async () => {
  const client = await device(`HostName=${lab.hubHost};DeviceId=renamed;x509=true`, lab.stranger);
  const error = await refused(client.sendEvent(new Message('x')));
  assert.strictEqual(error.name, 'UnauthorizedError', error.message);
});

check('receive by key: complete, abandon, reject', async () => {
  const key = (await registry.get('receiver')).responseBody.authentication.symmetricKey.primaryKey;
  const client = await device(`HostName=${lab.hubHost};DeviceId=receiver;SharedAccessKey=${key}`);
  const seen = [];
  await new Promise((resolve, reject) => {
    const verbs = ['abandon', 'complete', 'reject'];
    client.on('error', reject);
    client.on('message', (m) => {
      seen.push([m.getData().toString(), m.messageId]);
      const verb = verbs[seen.length - 1];
      client[verb](m).then(() => { if (seen.length === 3) resolve(); }, reject);
    });
  });
  client.removeAllListeners();
  await client.close();
  assert.deepStrictEqual(seen, [['first', 'm1'], ['first', 'm1'], ['second', 'm2']]);
});

// ---- IoT Hub, as a service

check('registry: create, get, update, delete, bulk', async () => {
  const made = (await registry.create({ deviceId: 'r1' })).responseBody;
  assert(made.authentication.symmetricKey.primaryKey);
  assert.strictEqual((await refused(registry.create({ deviceId: 'r1' }))).name, 'DeviceAlreadyExistsError');
  const updated = (await registry.update({ deviceId: 'r1', status: 'disabled', statusReason: 'test', etag: made.etag })).responseBody;
  assert.strictEqual(updated.status, 'disabled');
  assert((await registry.list()).responseBody.length > 2);
  const bulk = (await registry.addDevices([{ deviceId: 'r2' }, { deviceId: 'r3' }])).responseBody;
  assert.strictEqual(bulk.isSuccessful, true);
  await registry.delete('r1');
  assert.strictEqual((await refused(registry.get('r1'))).name, 'DeviceNotFoundError');
});

check('registry: twins and queries', async () => {
  const twin = (await registry.getTwin('renamed')).responseBody;
  assert.strictEqual(twin.properties.desired.period, 30);
  const updated = (await registry.updateTwin('renamed', { tags: { hall: 'A' }, properties: { desired: { period: 5 } } }, twin.etag)).responseBody;
  assert.strictEqual(updated.tags.hall, 'A');
  await refused(registry.updateTwin('renamed', { tags: {} }, twin.etag));
  const query = registry.createQuery('SELECT * FROM devices', 2);
  const ids = [];
  while (query.hasMoreResults) ids.push(...(await nextOf(query, 'nextAsTwin')).map((t) => t.deviceId));
  assert(ids.includes('renamed') && ids.includes('r3'), String(ids));
  assert.strictEqual((await registry.getRegistryStatistics()).responseBody.totalDeviceCount, ids.length);
});

(async () => {
  for (const { name, run } of checks) {
    let error = null;
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('it does not end')), 30000); });
    try { await Promise.race([run(), late]); } catch (e) { error = String((e && e.stack) || e) + ' ' + ((e && e.responseBody) || ''); }
    clearTimeout(timer);
    console.log(JSON.stringify({ name, error }));
  }
  process.exit(0);
})();
