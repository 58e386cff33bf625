-- The table of src/models/account.rs.
CREATE TABLE "account" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL UNIQUE,
    "password" TEXT NOT NULL
);
