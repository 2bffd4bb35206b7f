package azure

import "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

// Through is o with its sign-in requests made by t: the sign-in servers have
// names that a test cannot answer under.
func (o CredentialOptions) Through(t policy.Transporter) CredentialOptions {
	o.transport = t
	return o
}

// Operations are the names of all operations of this package.
var Operations = []string{
	opSubscriptions, opServices, opService, opKeys, opKey, opCertificates, opGet, opPut, opDelete, opCode, opVerify,
	opAPIMPut, opAPIMGet, opAPIMTag, opAPIMList, opAPIMRefresh, opAPIMDelete,
}
