# The services' roles, which `kefu migrate` expects to be there. PostgreSQL's image runs this
# once, when its data folder is new.
for schema in access profile ticket orders analytics; do
    psql -v ON_ERROR_STOP=1 -U postgres -d kefu -v role="kefu_$schema" -v password="$ROLES_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
done
