// Package iothub speaks with IoT Hub over HTTPS: as a device, sending events and
// receiving cloud-to-device messages, and as a service, reading the registry and
// twins. Credentials come from package dps, whose tokens a hub takes as well.
package iothub
