#!/bin/sh
# The how-to "use X.509 certificates over HTTPS without an SDK", whole, with
# openssl and curl: a chain, the root CA uploaded and its possession proved, an
# enrollment group, registration, one message. Keys have no pass phrase, which
# spares this script a derivation for each use. $1 is ec-p256, rsa-2048, rsa-4096.
set -eu
mkdir certs private
case $1 in
ec-p256) key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; } ;;
rsa-2048) key() { openssl genrsa -out "$1" 2048 2>/dev/null; } ;;
rsa-4096) key() { openssl genrsa -out "$1" 4096 2>/dev/null; } ;;
esac
issue() { # subject, key, certificate, CA's certificate and key, extensions
  openssl req -new -config chain.cnf -key "$2" -subj "$1" -out "$3.csr"
  openssl x509 -req -in "$3.csr" -CA "$4" -CAkey "$5" -set_serial "0x$(openssl rand -hex 16)" -days 30 -sha256 \
    -extfile chain.cnf -extensions "$6" -out "$3" 2>/dev/null
}
cat >chain.cnf <<'CNF'
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[v3_ca]
subjectKeyIdentifier = hash
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, cRLSign, keyCertSign
[usr_cert]
basicConstraints = CA:FALSE
keyUsage = critical, nonRepudiation, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
CNF
root=certs/root.cert.pem rootkey=private/root.key.pem
middle=certs/intermediate.cert.pem middlekey=private/intermediate.key.pem
key $rootkey
openssl req -new -x509 -config chain.cnf -key $rootkey -subj "/CN=script root" -days 30 -sha256 -extensions v3_ca -out $root
key $middlekey
issue "/CN=script intermediate" $middlekey $middle $root $rootkey v3_ca
key private/device.key.pem
issue "/CN=script-device" private/device.key.pem certs/device.cert.pem $middle $middlekey usr_cert
cat certs/device.cert.pem $middle $root >certs/chain.pem

call() { curl -sS --fail-with-body --connect-to "::$DPSLAB_ADDRESS" --cacert "$DPSLAB_CA_FILE" "$@"; }
manage() { call -H "Authorization: $DPSLAB_MANAGEMENT_AUTHORIZATION" -H 'Content-Type: application/json' "$@"; }
member() { sed -n 's/.*"'"$1"'" *: *"\(\\"\)\{0,1\}\([^"\\]*\).*/\2/p' | head -n 1; }
body() { printf '{"%s": "%s"}' "$1" "$(sed ':a;N;$!ba;s/\n/\\n/g' "$2")"; }
url="$DPSLAB_MANAGEMENT_URL/certificates/script"
made=$(body certificate $root | manage -X PUT -d @- "$url?api-version=2018-01-22")
coded=$(manage -X POST -H "If-Match: $(printf %s "$made" | member etag)" -d '' "$url/generateVerificationCode?api-version=2018-01-22")
key private/verification.key.pem
issue "/CN=$(printf %s "$coded" | member verificationCode)" private/verification.key.pem certs/verification.pem $root $rootkey usr_cert
body certificate certs/verification.pem |
  manage -X POST -H "If-Match: $(printf %s "$coded" | member etag)" -d @- "$url/verify?api-version=2018-01-22" >/dev/null

printf '{"enrollmentGroupId": "script", "attestation": {"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": "%s"}}}}}' \
  "$(base64 -w 0 $middle)" |
  call -X PUT -H "Authorization: $DPSLAB_SERVICE_AUTHORIZATION" -H 'Content-Type: application/json' -d @- \
    "https://$DPSLAB_SERVICE_HOST/enrollmentGroups/script?api-version=2021-10-01" >/dev/null

device() { call --cert certs/chain.pem --key private/device.key.pem -H 'Content-Type: application/json' -H 'Content-Encoding:  utf-8' "$@"; }
base="https://global.azure-devices-provisioning.net/$DPSLAB_ID_SCOPE/registrations/script-device"
answer=$(device -X PUT -d '{"registrationId": "script-device"}' "$base/register?api-version=2021-06-01")
operation=$(printf %s "$answer" | member operationId)
until printf %s "$answer" | grep -q '"status" *: *"assigned"'; do
  sleep "$RETRY_AFTER"
  answer=$(device "$base/operations/$operation?api-version=2021-06-01")
done
hub=$(printf %s "$answer" | member assignedHub)
device -X POST -d '{"temperature": 30}' "https://$hub/devices/script-device/messages/events?api-version=2020-03-13"
