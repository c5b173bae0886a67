# Makes an Ubuntu 24.04 an LDAP server that is reached by TLS alone. Everything may be done again and again: what is
# there stays. Nothing is printed that is secret. The environment says the rest:
: "${DOMAIN:?such as cluster.internal}" "${READER:?name of the user that may only read}"
: "${ADMIN_SECRET:?ARN}" "${READER_SECRET:?ARN}" "${CERTIFICATE_PARAMETER:?name of an SSM parameter}"
: "${AWS_DEFAULT_REGION:?}" "${SIGNAL_URL:?where CloudFormation waits}"
# Another machine, such as a test's, may say where files, server and user are.
ROOT=${ROOT:-} LISTEN=${LISTEN:-} PORT=${PORT:-636} OWNER=${OWNER:-openldap}

set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
SUFFIX=dc=${DOMAIN//./,dc=}
ADMIN_DN=cn=admin,$SUFFIX READER_DN=cn=$READER,$SUFFIX
DATA=$ROOT/var/lib/ldap # The volume that is kept, where Ubuntu's AppArmor lets slapd and its tools read and write.
TLS=$DATA/tls
CONFIGURATION=$ROOT/etc/ldap/slapd.conf
RUN=$ROOT/run/slapd
SOCKET=ldapi://${RUN//\//%2F}%2Fldapi
secrets="" step=start

finish() { # Tells CloudFormation how it ended, and where.
    local code=$? status=SUCCESS reason="the directory answers"
    [ -z "$secrets" ] || rm -rf "$secrets"
    if [ "$code" -ne 0 ]; then
        status=FAILURE reason="step $step failed with status $code: see /var/log/cloud-init-output.log"
    fi
    echo "directory: $reason"
    curl --silent --show-error --fail --retry 5 --request PUT --header 'Content-Type:' --data-binary \
        "{\"Status\": \"$status\", \"Reason\": \"$reason\", \"UniqueId\": \"setup-$$\", \"Data\": \"$step\"}" "$SIGNAL_URL" ||
        echo "directory: CloudFormation was not told, which it takes for a failure unless it waits no longer" >&2
}
trap finish EXIT

packages() {
    # The package's own database is not wanted: it would lie where the volume is mounted.
    debconf-set-selections <<<"slapd slapd/no_configuration boolean true"
    apt-get update -qq
    apt-get install -y -qq slapd ldap-utils openssl curl
    command -v aws >/dev/null || snap install aws-cli --classic
}

disk() {
    local root found="" tries=60
    root=$(lsblk --noheadings --paths --output PKNAME "$(findmnt --noheadings --output SOURCE /)" | head -n 1)
    # It is attached while the machine starts.
    until found=$(lsblk --noheadings --nodeps --paths --output NAME,TYPE |
        awk -v root="$root" '$2 == "disk" && $1 != root { print $1 }' | grep .); do
        ((tries--)) || return 1
        sleep 5
    done
    [ "$(wc -l <<<"$found")" -eq 1 ] # With several of them, none is taken.
    blkid "$found" >/dev/null || mkfs.ext4 -q -L directory "$found"
    grep -q "^LABEL=directory " "$ROOT/etc/fstab" ||
        echo "LABEL=directory $DATA ext4 defaults,nofail 0 2" >>"$ROOT/etc/fstab"
    mountpoint -q "$DATA" || mount "$DATA"
}

metadata() { # What EC2 says of this machine, by version 2 of its service.
    local service=http://169.254.169.254/latest token
    token=$(curl -sSf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $service/api/token)
    curl -sSf -H "X-aws-ec2-metadata-token: $token" "$service/meta-data/$1"
}

certificates() {
    umask 077 # from here on, but not for packages
    HOST=${HOST:-$(metadata local-hostname)}
    local days=3650 curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    install -d -m 755 "$DATA" "$TLS"
    install -d -o "$OWNER" -g "$OWNER" -m 700 "$DATA/database"
    if [ ! -s "$TLS/ca.crt" ]; then
        openssl req -x509 "${curve[@]}" -keyout "$TLS/ca.key" -out "$TLS/ca.new" -days $days \
            -subj "/CN=$DOMAIN directory CA" -addext keyUsage=critical,keyCertSign,cRLSign
        mv "$TLS/ca.new" "$TLS/ca.crt"
    fi
    # A volume from another machine holds the other's certificate.
    if ! openssl x509 -in "$TLS/server.crt" -noout -checkhost "$HOST" 2>/dev/null | grep -q "does match"; then
        openssl req "${curve[@]}" -keyout "$TLS/server.key" -subj "/CN=directory" -out "$TLS/server.csr"
        openssl x509 -req -in "$TLS/server.csr" -CA "$TLS/ca.crt" -CAkey "$TLS/ca.key" -CAcreateserial -days $days \
            -extfile <(echo "subjectAltName=DNS:$HOST") -out "$TLS/server.crt"
    fi
    chown root:root "$TLS"/ca.key
    chown "$OWNER" "$TLS"/server.key
    chmod 644 "$TLS"/*.crt
}

passwords() {
    local which
    secrets=$(mktemp -d -p "$DATA")
    for which in ADMIN READER; do
        local arn=${which}_SECRET
        printf %s "$(aws secretsmanager get-secret-value --secret-id "${!arn}" --query SecretString --output text)" \
            >"$secrets/$which"
        [ -s "$secrets/$which" ]
        slappasswd -T "$secrets/$which" >"$secrets/$which.hash"
    done
}

configuration() {
    cat >"$secrets/slapd.conf" <<EOF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile $RUN/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile $TLS/ca.crt
TLSCertificateFile $TLS/server.crt
TLSCertificateKeyFile $TLS/server.key
TLSProtocolMin 3.3
# Nothing is answered without encryption, but to this machine's own socket, where root is the administrator.
security ssf=128
localSSF 128
disallow bind_anon
authz-regexp gidNumber=0[+]uidNumber=0,cn=peercred,cn=external,cn=auth $ADMIN_DN
database mdb
suffix $SUFFIX
rootdn $ADMIN_DN
rootpw $(cat "$secrets/ADMIN.hash")
directory $DATA/database
maxsize 1073741824
index objectClass,uid,cn,uidNumber,gidNumber,memberUid eq
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact=$READER_DN read by self read by * none
EOF
    install -d -m 755 "${CONFIGURATION%/*}" "$ROOT/etc/default"
    install -o root -g "$OWNER" -m 640 "$secrets/slapd.conf" "$CONFIGURATION"
    cat >"$ROOT/etc/default/slapd" <<EOF
SLAPD_CONF=$CONFIGURATION
SLAPD_USER=$OWNER
SLAPD_GROUP=$OWNER
SLAPD_SERVICES="ldaps://$LISTEN:$PORT/ $SOCKET"
EOF
    chmod 644 "$ROOT/etc/default/slapd"
    install -d -o "$OWNER" -g "$OWNER" -m 755 "$RUN"
    slaptest -u -f "$CONFIGURATION" # says what is wrong, which systemd would only log
}

start() {
    systemctl enable slapd
    systemctl restart slapd
    # slapd says that it has started a moment before it listens.
    local tries=100
    until ldapwhoami -Q -Y EXTERNAL -H "$SOCKET"; do
        ((tries--)) || return 1
        sleep 0.1
    done
}

entry() { # Adds what standard input describes, unless it is there.
    ldapadd -Q -Y EXTERNAL -H "$SOCKET" || [ $? -eq 68 ] # 68: it already exists
}

entries() {
    local hash unit
    hash=$(cat "$secrets/READER.hash")
    entry <<EOF
dn: $SUFFIX
objectClass: dcObject
objectClass: organization
o: $DOMAIN
dc: ${DOMAIN%%.*}
EOF
    for unit in people groups; do
        entry <<EOF
dn: ou=$unit,$SUFFIX
objectClass: organizationalUnit
EOF
    done
    entry <<EOF
dn: $READER_DN
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: $hash
EOF
    ldapmodify -Q -Y EXTERNAL -H "$SOCKET" <<EOF
dn: $READER_DN
changetype: modify
replace: userPassword
userPassword: $hash
EOF
}

answer() { # As a node will ask.
    LDAPTLS_CACERT=$TLS/ca.crt LDAPTLS_REQCERT=hard ldapsearch -LLL -x -H "ldaps://$HOST:$PORT" -D "$READER_DN" \
        -y "$secrets/READER" -b "$SUFFIX" -s base dn
}

publish() {
    aws ssm put-parameter --name "$CERTIFICATE_PARAMETER" --type String --overwrite --value "file://$TLS/ca.crt"
}

for step in packages disk certificates passwords configuration start entries answer publish; do
    echo "directory: $step"
    "$step"
done
