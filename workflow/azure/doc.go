// Package azure speaks with Azure Resource Manager through Azure's own Go
// modules, over a recorded transport: subscriptions, DPS instances with their
// hubs and keys, the signing certificates of DPS, and the certificates of API
// Management. It signs in with Microsoft Entra ID.
//
// Its rules:
//
//   - Every refusal is a [*wire.ServiceError], whichever of Azure's error
//     shapes came; one for want of rights is wrapped in an [*AccessError], which
//     names the right. No answer is a [*wire.ConnectError], no token a
//     [*SignInError], a value that the service would refuse anyhow a
//     [*ValueError] before anything is sent.
//   - Azure's modules never repeat a call of Resource Manager by themselves. Who
//     wants that gives a [Retry]; nothing else repeats. Signing in is repeated by
//     its own module alone.
//   - None of the operations here is long-running: all are done when answered. An
//     answer that says otherwise is a [*wire.AnswerError].
//   - Tokens stay in memory. Keys and passwords are of type [dps.Secret].
//   - Links of a paged list are followed on the same host alone, so that the
//     token goes nowhere else.
package azure
