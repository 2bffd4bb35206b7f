// Package emulator is the lab: Azure IoT Hub Device Provisioning Service, IoT
// Hub, API Management certificates and the part of Azure Resource Manager that
// DPS needs, served on loopback, strict enough to be refused by.
//
// Rules of the package:
//
//   - Any client certificate reaches the application. What is wrong with it is
//     said in an HTTP answer in the service's own dialect, never by a TLS alert.
//   - The store is the only authority. A write is answered after it is on disk;
//     nothing that matters lives in memory alone, so a killed lab goes on where
//     it was. Messages of devices go ahead of the database into the log of a
//     [journal]; each commit takes over what is there.
//   - A behaviour that no contract or capture settles is one row of the table
//     in guesses.go, and the code takes it from there.
//   - Handlers return errors; only the surface they belong to turns a [refusal]
//     into status, headers and JSON.
//   - Time comes from package time, so testing/synctest can fake it.
//   - What goes wrong on request is a row of scenarios in scenario.go, and every
//     diagnostic rule has a row in rules.go that says how to see its symptom.
package emulator
