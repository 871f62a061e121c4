-- Ids that nodes have set aside for links which they acknowledge before they are here: nobody can choose their codes.
CREATE TABLE leases (
    first     bigint PRIMARY KEY,
    until     bigint NOT NULL, -- the number after the last one
    leased_at timestamptz NOT NULL DEFAULT now()
);
