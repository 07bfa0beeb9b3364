//! Renewing credentials.
