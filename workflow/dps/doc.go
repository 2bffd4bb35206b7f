// Package dps speaks with Azure IoT Hub Device Provisioning Service: the
// device API (register, operation status, status lookup) and the service API
// (enrollments, enrollment groups). Its wire types are shared with the emulator.
//
// Facts come from the public REST specifications of the services
// (device data plane 2021-06-01, service data plane 2021-10-01).
package dps
