package dps_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"dpslab/workflow/dps"
)

// The records as the contract writes them, by hand: what is read and written
// again must mean the same.
const (
	groupByCertificate = `{"enrollmentGroupId":"line-a","attestation":{"type":"x509","x509":{"signingCertificates":{"primary":{"certificate":"MIIB"}}}}}`

	groupByReference = `{"enrollmentGroupId":"line-b","attestation":{"type":"x509","x509":{"caReferences":{"primary":"my-root","secondary":"next-root"}}},
		"provisioningStatus":"enabled","allocationPolicy":"static","iotHubs":["hub1.azure-devices.net"],
		"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false},
		"initialTwin":{"tags":{"site":"x"},"properties":{"desired":{"period":30}}}}`

	individual = `{"registrationId":"dev-01","deviceId":"truck-7","attestation":{"type":"x509","x509":{"clientCertificates":{
		"primary":{"certificate":"MIIB","info":{"subjectName":"CN=dev-01","sha1Thumbprint":"AA","sha256Thumbprint":"BB","issuerName":"CN=dev-01",
			"notBeforeUtc":"2024-01-02T03:04:05Z","notAfterUtc":"2025-01-02T03:04:05Z","serialNumber":"01","version":3}},
		"secondary":{"certificate":"MIIC"}}}},
		"capabilities":{"iotEdge":true},"iotHubHostName":"hub1.azure-devices.net",
		"etag":"\"13003fea-0000-0300-0000-62d1d5e50000\"","provisioningStatus":"disabled",
		"createdDateTimeUtc":"2024-01-02T03:04:05.1234567Z","lastUpdatedDateTimeUtc":"2024-01-02T03:04:06.1234567Z",
		"allocationPolicy":"custom","customAllocationDefinition":{"webhookUrl":"https://f.example/","apiVersion":"2019-03-31"},
		"optionalDeviceInformation":{"colour":"red"},
		"registrationState":{"registrationId":"dev-01","createdDateTimeUtc":"2024-01-02T03:04:05.1234567Z","assignedHub":"hub1.azure-devices.net",
			"deviceId":"truck-7","status":"failed","substatus":"initialAssignment","errorCode":400208,"errorMessage":"no hub",
			"lastUpdatedDateTimeUtc":"2024-01-02T03:04:06.1234567Z","etag":"Ijk5Ig==","payload":{"a":[1,2]}}}`

	individualByKey = `{"registrationId":"dev-02","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"AAECAwQFBgcICQoLDA0ODw==","secondaryKey":"DwECAwQFBgcICQoLDA0ODw=="}}}`
	individualByTPM = `{"registrationId":"dev-03","attestation":{"type":"tpm","tpm":{"endorsementKey":"AToAAQ==","storageRootKey":"AToAAg=="}}}`
)

func TestRecordsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		into any
	}{
		"group by certificate": {groupByCertificate, new(dps.EnrollmentGroup)},
		"group by reference":   {groupByReference, new(dps.EnrollmentGroup)},
		"individual":           {individual, new(dps.IndividualEnrollment)},
		"individual by key":    {individualByKey, new(dps.IndividualEnrollment)},
		"individual by TPM":    {individualByTPM, new(dps.IndividualEnrollment)},
		"assigned": {`{"operationId":"5.1","status":"assigned","registrationState":{"x509":{},"registrationId":"d","createdDateTimeUtc":"2022-08-27T17:53:19.5143497Z",
			"assignedHub":"MyExampleHub.azure-devices.net","deviceId":"d","status":"assigned","substatus":"initialAssignment",
			"lastUpdatedDateTimeUtc":"2022-08-27T17:53:19.7519141Z","etag":"IjEyMDA4NmYyLTAwMDAtMDMwMC0wMDAwLTYzMGE1YTBmMDAwMCI="}}`, new(dps.RegistrationOperationStatus)},
		"assigned by a group": {`{"x509":{"enrollmentGroupId":"line-a"},"registrationId":"d","status":"assigned","payload":{"x":null}}`, new(dps.DeviceRegistrationResult)},
		"assigning":           {`{"operationId":"5.1","status":"assigning"}`, new(dps.RegistrationOperationStatus)},
		"registration":        {`{"registrationId":"d","payload":[1,"a"]}`, new(dps.DeviceRegistration)},
		"refusal":             {`{"errorCode":401002,"trackingId":"b5","message":"Unauthorized","info":{"a":"b"},"timestampUtc":"2024-01-02T03:04:05.1234567Z"}`, new(dps.ServiceErrorBody)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoder := json.NewDecoder(bytes.NewReader([]byte(tt.text)))
			decoder.DisallowUnknownFields() // each member of the contract has its field
			if err := decoder.Decode(tt.into); err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(tt.into)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.text), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", raw, tt.text)
			}
		})
	}
}

// Missing, null and empty mean the same in answers.
func TestRecordsReadLeniently(t *testing.T) {
	t.Parallel()
	const nulls = `{"registrationId":"d","deviceId":null,"registrationState":null,"attestation":{"type":"symmetricKey","x509":null,"symmetricKey":null,"tpm":null},
		"capabilities":null,"initialTwin":null,"iotHubs":null,"reprovisionPolicy":null,"customAllocationDefinition":null,"etag":null,"unheardOf":1}`
	var e dps.IndividualEnrollment
	if err := json.Unmarshal([]byte(nulls), &e); err != nil {
		t.Fatal(err)
	}
	want := dps.IndividualEnrollment{RegistrationID: "d"}
	want.Attestation.Type = dps.AttestationSymmetricKey
	if !reflect.DeepEqual(e.EnrollmentRecord, want.EnrollmentRecord) || e.RegistrationID != want.RegistrationID ||
		e.DeviceID != "" || e.RegistrationState != nil || e.OptionalDeviceInformation != nil {
		t.Errorf("got %+v", e)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		dps.StatusAssigned: true, dps.StatusFailed: true, dps.StatusDisabled: true,
		dps.StatusAssigning: false, dps.StatusUnassigned: false, "": false, "somethingNew": false,
	} {
		if dps.Final(status) != want {
			t.Errorf("%q: %v", status, !want)
		}
	}
}
